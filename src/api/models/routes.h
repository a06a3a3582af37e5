// Seed 002's dialect: the curated catalogue, downloads and deletions as tasks, the cache; with hostler's additions.
#pragma once

#include "api/door.h"

namespace hostler::api::models {

void AddList(Door& door);
void AddTasks(Door& door);
void AddDownload(Door& door);
void AddRemoval(Door& door);
void AddCare(Door& door);
void AddReferences(Door& door);

}  // namespace hostler::api::models
