#include "app/load.h"

#include <fmt/format.h>

#include "app/library.h"
#include "app/pull.h"

namespace hostler::app {

Task<Result<bool>> Fetch(House& house, model::ModelId id) {
  if (house.catalogue.Find(id) == nullptr) co_return false;  // built in, or the user's own
  HOSTLER_CO_TRY(const Begun begun, co_await StartPull(house, {id, {}, {}, {}, false}));
  if (!begun.task) co_return false;
  HOSTLER_CO_TRY(const tasks::Record record, co_await WaitFor(house, begun.task->id));
  if (record.status == tasks::Status::kCompleted) co_return true;
  if (record.error) co_return std::unexpected(*record.error);
  co_return Fail(Error{
      Code::kCancelled, fmt::format("the download of \"{}\" was cancelled", id), "Start it again; it continues.", "model", {}});
}

Task<Result<lifecycle::LoadOutcome>> Load(House& house, model::ModelId id) {
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  const bool has_files = !status.entry.repository.empty() && status.entry.disk != model::DiskState::kProviderMissing;
  if (house.config.fetch_on_load && has_files && !house.lifecycle.Loaded(id)) {
    co_await house.tasks.Ready();
    const auto holdings = co_await house.library.Now();
    const Standing* standing = holdings->Find(id);
    if (standing != nullptr && !standing->presence.complete) HOSTLER_CO_OK(co_await Fetch(house, id));
  }
  co_return co_await house.lifecycle.Load(id);
}

}  // namespace hostler::app
