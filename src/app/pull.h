// Fetching a model: asked for here, done by a task.
//
// Threads: any loop of the house; RunPull on the tasks' loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/orders.h"

namespace hostler::app {

struct PullRequest {
  std::string id;
  std::optional<std::string> revision;              // instead of the catalogue's
  std::optional<std::vector<std::string>> include;  // instead of the catalogue's
  std::optional<std::vector<std::string>> exclude;
  bool unmanaged = false;  // also what is not in the catalogue
};

// Errors: kInvalid (not_curated, a name that cannot be), kConflict (cross_op_exclusion), kBusy, kUnavailable (no database).
[[nodiscard]] Task<Result<Begun>> StartPull(House& house, PullRequest request);

// The runner of downloads.
[[nodiscard]] Task<Result<tasks::Ending>> RunPull(House& house, tasks::Handle& handle);

// The same for a runner that has something else to do as well.
[[nodiscard]] Task<Result<tasks::Ending>> FetchInto(House& house, tasks::Handle& handle, FetchOrder order);

// Waits until the task is at rest. Leaving the wait leaves the task alone.
[[nodiscard]] Task<Result<tasks::Record>> WaitFor(House& house, std::string task_id);

// One file of the model for an engine that loads it: its main file, else the snapshot's folder. kConflict named
// `not_downloaded` with the remedy if it is not complete, or `being_deleted`.
[[nodiscard]] Task<Result<std::filesystem::path>> FilesOf(House& house, model::ModelId id);

}  // namespace hostler::app
