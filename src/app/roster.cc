#include "app/roster.h"

#include <algorithm>

#include "app/library.h"
#include "providers/providers.h"

namespace hostler::app {
namespace {

void Refresh(const House& house, const Holdings& holdings, lifecycle::Status& status) {
  const Standing* standing = holdings.Find(status.entry.id);
  if (standing == nullptr) return;
  const auto active = house.tasks.ActiveOf(status.entry.id);
  if (standing->presence.complete)
    status.entry.disk = model::DiskState::kDownloaded;
  else if (active && active->operation == tasks::Operation::kDownload)
    status.entry.disk = model::DiskState::kDownloading;
  else
    status.entry.disk = model::DiskState::kAvailable;
}

bool Fetched(const lifecycle::Status& status) {
  return !status.entry.repository.empty() && status.entry.disk != model::DiskState::kProviderMissing;
}

}  // namespace

model::Entry EntryOf(const catalog::Entry& entry) {
  model::Entry model;
  model.id = entry.id;
  model.type = entry.type;
  model.provider = entry.provider;
  model.description = entry.description;
  model.engine = entry.engine;
  model.path = entry.path;
  if (entry.path.empty()) model.repository = entry.repository;
  if (!entry.path.empty()) model.disk = model::DiskState::kDownloaded;
  model.options = entry.options;
  model.voice_aliases = entry.voice_aliases;
  return model;
}

Task<std::vector<lifecycle::Status>> Roster(House& house, Of of) {
  std::vector<lifecycle::Status> roster = house.lifecycle.List();
  if (std::any_of(roster.begin(), roster.end(), Fetched)) {
    const auto holdings = co_await house.library.Now();
    for (lifecycle::Status& status : roster) {
      if (Fetched(status)) Refresh(house, *holdings, status);
    }
  }
  if (of == Of::kServable) co_return roster;
  for (const catalog::Entry& entry : house.catalogue.entries()) {
    if (house.lifecycle.Knows(entry.id)) continue;
    lifecycle::Status& status = roster.emplace_back();
    status.entry = EntryOf(entry);
    status.entry.disk = model::DiskState::kProviderMissing;
    status.entry.remedy = providers::MissingRemedy(status.entry);
  }
  co_return roster;
}

Task<Result<lifecycle::Status>> OnRoster(House& house, model::ModelId id) {
  for (lifecycle::Status& status : co_await Roster(house, Of::kAll)) {
    if (status.entry.id == id) co_return std::move(status);
  }
  co_return house.lifecycle.Get(id);  // its error names the nearest
}

}  // namespace hostler::app
