// Seed 004's dialect on the daemon: models with explicit load and unload, generation, the log.
#pragma once

#include "api/door.h"

namespace hostler::api::engine {

void AddModels(Door& door);
void AddGenerate(Door& door);
void AddLogs(Door& door);
void AddTexts(Door& door);
void AddUpstream(Door& door);

}  // namespace hostler::api::engine
