#include "api/engine/routes.h"
#include "api/words.h"
#include "app/load.h"
#include "app/roster.h"
#include "providers/providers.h"

namespace hostler::api::engine {
namespace {

// An engine's row, and what only the daemon knows.
struct ModelRow : wire::ModelRow {
  model::ModelType type = model::ModelType::kTts;
  std::string provider;
  std::string description;
  model::DiskState disk = model::DiskState::kAvailable;
  std::string badge;
  bool pinned = false;
  std::int64_t leases = 0;
  std::int64_t waiting = 0;
  json::Nullable<int> pid;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (wire::ModelRow), (type, provider, description, disk, badge, pinned, leases, waiting, pid))

struct ModelRows {
  std::vector<ModelRow> models;
};
BOOST_DESCRIBE_STRUCT(ModelRows, (), (models))

struct LoadAnswer : wire::LoadReply {
  std::optional<double> gpu_memory_mb;  // where it can be read
  std::string status;                   // "completed"
  std::string outcome;                  // "loaded", "already_loaded"
};
BOOST_DESCRIBE_STRUCT(LoadAnswer, (wire::LoadReply), (gpu_memory_mb, status, outcome))

struct UnloadAnswer : wire::UnloadReply {
  std::string status;
  std::string outcome;  // "unloaded", "already_unloaded"
};
BOOST_DESCRIBE_STRUCT(UnloadAnswer, (wire::UnloadReply), (status, outcome))

struct ModelQuestion {
  std::string model_id;
};
BOOST_DESCRIBE_STRUCT(ModelQuestion, (), (model_id))

ModelRow RowOf(const lifecycle::Status& status) {
  ModelRow row;
  row.id = row.name = status.entry.id;
  row.type = status.entry.type;
  row.provider = status.entry.provider;
  row.description = status.entry.description;
  row.state = status.state;
  row.disk = status.entry.disk;
  row.badge = Badge(status);
  if (!status.entry.path.empty()) row.path = status.entry.path;
  if (status.memory_mb > 0) row.memory_mb = status.memory_mb;
  if (!status.error.empty()) row.error = status.error;
  if (status.entry.disk == model::DiskState::kProviderMissing) row.error = status.entry.remedy;
  if (status.loaded_at) row.loaded_at = UnixSeconds(*status.loaded_at);
  if (status.last_used_at) row.last_used_at = UnixSeconds(*status.last_used_at);
  row.pinned = status.entry.pinned;
  row.leases = static_cast<std::int64_t>(status.leases);
  row.waiting = static_cast<std::int64_t>(status.waiting);
  if (status.pid != 0) row.pid = status.pid;
  return row;
}

Task<Result<ModelRows>> List(app::House& house, http::Exchange&) {
  ModelRows rows;
  for (const lifecycle::Status& status : co_await app::Roster(house, app::Of::kServable)) rows.models.push_back(RowOf(status));
  co_return rows;
}

Task<Result<LoadAnswer>> Load(app::House& house, http::Exchange&, ModelQuestion question) {
  const model::ModelId id = providers::ResolveAlias(house.config, question.model_id);
  HOSTLER_CO_TRY(const lifecycle::LoadOutcome outcome, co_await app::Load(house, id));
  LoadAnswer answer;
  answer.model_id = id;
  answer.memory_before_mb = outcome.receipt.memory_before_mb;
  answer.memory_after_mb = outcome.receipt.memory_after_mb;
  answer.memory_delta_mb = answer.memory_after_mb - answer.memory_before_mb;
  answer.load_time_s = outcome.receipt.seconds;
  answer.gpu_memory_mb = outcome.receipt.gpu_memory_mb;
  answer.status = "completed";
  answer.outcome = outcome.already ? "already_loaded" : "loaded";
  co_return answer;
}

Task<Result<UnloadAnswer>> Unload(app::House& house, http::Exchange&, ModelQuestion question) {
  const model::ModelId id = providers::ResolveAlias(house.config, question.model_id);
  HOSTLER_CO_TRY(const lifecycle::LoadOutcome outcome, co_await house.lifecycle.Unload(id));
  UnloadAnswer answer;
  answer.model_id = id;
  answer.memory_before_mb = outcome.receipt.memory_before_mb;
  answer.memory_after_mb = outcome.receipt.memory_after_mb;
  answer.memory_freed_mb = answer.memory_before_mb - answer.memory_after_mb;
  answer.unload_time_s = outcome.receipt.seconds;
  answer.status = "completed";
  answer.outcome = outcome.already ? "already_unloaded" : "unloaded";
  co_return answer;
}

}  // namespace

void AddModels(Door& door) {
  door.Get("/models", {"Every model with its state on disk and in memory", "Engine"}, List);
  door.Post("/models/load", {"Load a model; answers when it is loaded, with what it took", "Engine"}, Load);
  door.Post("/models/unload", {"Unload a model; answers when its memory is free, with how much", "Engine"}, Unload);
}

}  // namespace hostler::api::engine
