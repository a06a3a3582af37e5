// What a model can do and which voices it has, loaded or not.
//
// Threads: any loop of the house.
#pragma once

#include "app/house.h"

namespace hostler::app {

// Of a loaded model: asked when it was loaded. Of a built-in model that is not loaded: an engine is started for the
// question and stopped again, once per daemon. Otherwise kConflict (not_loaded).
[[nodiscard]] Task<Result<engines::Abilities>> AbilitiesOf(House& house, model::ModelId id);

}  // namespace hostler::app
