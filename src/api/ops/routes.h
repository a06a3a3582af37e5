// For operators and watchers: health, events, crash reports, metrics, the API's own description.
#pragma once

#include "api/door.h"

namespace hostler::api::ops {

void AddHealth(Door& door);
void AddEvents(Door& door);
void AddCrashes(Door& door);
void AddMetrics(Door& door);

}  // namespace hostler::api::ops
