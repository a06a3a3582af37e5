#include "app/abilities.h"

#include <fmt/format.h>

#include "async/on_loop.h"
#include "providers/providers.h"

namespace hostler::app {

Task<Result<engines::Abilities>> AbilitiesOf(House& house, model::ModelId id) {
  id = providers::ResolveAlias(house.config, id);
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (const auto handle = house.lifecycle.Loaded(id)) co_return engines::Abilities{handle->capabilities, handle->voices};
  const auto known = house.probed.With([&](const auto& probed) -> std::optional<engines::Abilities> {
    const auto found = probed.find(id);
    return found == probed.end() ? std::nullopt : std::optional(found->second);
  });
  if (known) co_return *known;
  if (!status.entry.built_in) {
    co_return Fail(Error{Code::kConflict, fmt::format("what \"{}\" can do is known once it is loaded", id),
                         fmt::format("Load it: `hostler load {}`.", id), "model", "not_loaded"});
  }
  auto probe = [&workshop = house.workshop, entry = status.entry] { return engines::Probe(workshop, entry); };
  HOSTLER_CO_TRY(engines::Abilities abilities, co_await OnLoop(*house.workshop.control, std::move(probe)));
  house.probed.With([&](auto& probed) { probed[id] = abilities; });
  co_return abilities;
}

}  // namespace hostler::app
