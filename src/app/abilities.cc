#include "app/abilities.h"

#include <fmt/format.h>

#include "providers/providers.h"

namespace hostler::app {

Task<Result<engines::Abilities>> AbilitiesOf(House& house, model::ModelId id) {
  id = providers::ResolveAlias(house.config, id);
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (const auto handle = house.lifecycle.Loaded(id)) co_return engines::Abilities{handle->capabilities, handle->voices};
  if (!status.entry.built_in) {
    co_return Fail(Error{Code::kConflict, fmt::format("what \"{}\" can do is known once it is loaded", id),
                         fmt::format("Load it: `hostler load {}`.", id), "model", "not_loaded"});
  }
  co_return co_await house.prober.Ask(status.entry);
}

}  // namespace hostler::app
