// Loading a model as people mean it: what is not downloaded is fetched first (models.fetch_on_load).
//
// Threads: any loop of the house.
#pragma once

#include "app/house.h"

namespace hostler::app {

// Whoever leaves the wait leaves the download running; the load then does not begin. Errors: those of the download, and
// lifecycle's.
[[nodiscard]] Task<Result<lifecycle::LoadOutcome>> Load(House& house, model::ModelId id);

// Waits until the model's files are complete. False: they were, or it needs none.
[[nodiscard]] Task<Result<bool>> Fetch(House& house, model::ModelId id);

}  // namespace hostler::app
