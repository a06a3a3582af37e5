// Seed 000's dialect: the model list with states, load / unload / prefetch, what is loaded, voices and capabilities.
#pragma once

#include "api/door.h"

namespace hostler::api::voice {

void AddModels(Door& door);
void AddVoices(Door& door);

}  // namespace hostler::api::voice
