#include "api/voice/routes.h"
#include "api/words.h"
#include "app/library.h"
#include "app/load.h"
#include "app/pull.h"
#include "app/removal.h"
#include "app/roster.h"
#include "providers/providers.h"

namespace hostler::api::voice {
namespace {

// spec/voice.md section 2.2
struct ModelObject {
  std::string id;
  model::ModelType type = model::ModelType::kTts;
  std::string provider;
  json::Nullable<std::string> device;
  std::string state;
  std::string badge;
  std::uint64_t size_mb = 0;  // of the download, roughly, or what is there; 0: nothing to download
  json::Nullable<double> loaded_at;
  json::Nullable<double> last_used_at;
  bool is_default = false;
  bool provider_available = true;
  std::string description;
  std::optional<std::string> source;  // the repository
  std::optional<std::string> error;
  std::optional<double> progress;  // 0 to 1, while something is under way
  std::optional<std::string> task_id;
};
BOOST_DESCRIBE_STRUCT(ModelObject, (),
                      (id, type, provider, device, state, badge, size_mb, loaded_at, last_used_at, is_default, provider_available,
                       description, source, error, progress, task_id))
struct ModelObjects {
  std::vector<ModelObject> models;
};
BOOST_DESCRIBE_STRUCT(ModelObjects, (), (models))

struct ProgressBody {
  std::string status;   // queued, downloading, loading, downloaded, ready, idle
  double progress = 0;  // 0 to 1, real
};
BOOST_DESCRIBE_STRUCT(ProgressBody, (), (status, progress))
struct UnloadedBody {
  std::string status;
  std::string model;
};
BOOST_DESCRIBE_STRUCT(UnloadedBody, (), (status, model))
struct DeletedBody {
  std::string status;  // deleted, not_found
  std::string model;
  std::string provider;
  std::vector<std::string> deleted_paths;
};
BOOST_DESCRIBE_STRUCT(DeletedBody, (), (status, model, provider, deleted_paths))

std::optional<double> Unix(const std::optional<WallClock::time_point>& time) {
  return time ? std::optional(UnixSeconds(*time)) : std::nullopt;
}

double Fraction(const tasks::Progress& progress) {
  return progress.bytes_total == 0 ? 0 : static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes_total);
}

ModelObject ObjectOf(const app::House& house, const lifecycle::Status& status) {
  ModelObject object;
  object.id = status.entry.id;
  object.type = status.entry.type;
  object.provider = status.entry.provider;
  if (status.state == model::MemoryState::kLoaded) object.device = std::string("cpu");
  object.state = VoiceState(status);
  object.badge = Badge(status);
  object.loaded_at = Unix(status.loaded_at);
  object.last_used_at = Unix(status.last_used_at);
  object.is_default = status.entry.id == house.config.default_tts || status.entry.id == house.config.default_stt;
  object.provider_available = status.entry.disk != model::DiskState::kProviderMissing;
  object.description = status.entry.description;
  if (!object.provider_available)
    object.error = status.entry.remedy;
  else if (!status.error.empty())
    object.error = status.error;
  if (const catalog::Entry* entry = house.catalogue.Find(status.entry.id)) {
    object.size_mb = entry->size_mb;
    object.source = entry->repository;
  }
  if (const auto active = house.tasks.ActiveOf(status.entry.id)) {
    object.progress = Fraction(active->progress);
    object.task_id = active->id;
  }
  return object;
}

Task<Result<ModelObjects>> List(app::House& house, http::Exchange&) {
  ModelObjects objects;
  for (const lifecycle::Status& status : co_await app::Roster(house, app::Of::kAll)) {
    if (status.entry.type == model::ModelType::kTts || status.entry.type == model::ModelType::kStt)
      objects.models.push_back(ObjectOf(house, status));
  }
  co_return objects;
}

model::ModelId IdOf(const app::House& house, const http::Exchange& exchange) {
  return providers::ResolveAlias(house.config, exchange.param("id"));
}

Task<Result<ModelObject>> Status(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const lifecycle::Status status, co_await app::OnRoster(house, IdOf(house, exchange)));
  co_return ObjectOf(house, status);
}

Task<Result<ProgressBody>> Progress(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const lifecycle::Status status, co_await app::OnRoster(house, IdOf(house, exchange)));
  if (const auto active = house.tasks.ActiveOf(status.entry.id); active && active->operation == tasks::Operation::kDownload)
    co_return ProgressBody{active->status == tasks::Status::kPending ? "queued" : "downloading", Fraction(active->progress)};
  const std::string state = VoiceState(status);
  if (state == "loaded") co_return ProgressBody{"ready", 1};
  if (state == "loading" || state == "queued") co_return ProgressBody{state, 0};
  co_return state == "downloaded" ? ProgressBody{"downloaded", 1} : ProgressBody{"idle", 0};
}

// What the provider lacks is said before anything is begun.
Result<> CheckProvider(const lifecycle::Status& status) {
  if (status.entry.disk != model::DiskState::kProviderMissing) return {};
  return Fail(Error{Code::kUnsupported,
                    "the provider \"" + status.entry.provider + "\" of the model \"" + status.entry.id + "\" is not available",
                    status.entry.remedy, "model", "provider_missing"});
}

Task<Result<ModelObject>> Load(app::House& house, http::Exchange& exchange) {
  const model::ModelId id = IdOf(house, exchange);
  HOSTLER_CO_TRY(const lifecycle::Status before, co_await app::OnRoster(house, id));
  HOSTLER_CO_OK(CheckProvider(before));
  HOSTLER_CO_OK(co_await app::Load(house, id));
  HOSTLER_CO_TRY(const lifecycle::Status status, co_await app::OnRoster(house, id));
  co_return ObjectOf(house, status);
}

// Begins a download, if there is anything to fetch. The answer does not wait for it: /progress and the task tell how far it is.
Task<Result<ModelObject>> Download(app::House& house, http::Exchange& exchange) {
  const model::ModelId id = IdOf(house, exchange);
  HOSTLER_CO_TRY(const lifecycle::Status before, co_await app::OnRoster(house, id));
  if (house.catalogue.Find(id) != nullptr) {
    HOSTLER_CO_OK(co_await app::StartPull(house, {id, {}, {}, {}, false}));
  } else {
    HOSTLER_CO_OK(CheckProvider(before));
  }
  HOSTLER_CO_TRY(const lifecycle::Status status, co_await app::OnRoster(house, id));
  co_return ObjectOf(house, status);
}

Task<Result<UnloadedBody>> Unload(app::House& house, http::Exchange& exchange) {
  const model::ModelId id = IdOf(house, exchange);
  HOSTLER_CO_TRY(const lifecycle::LoadOutcome outcome, co_await house.lifecycle.Unload(id));
  if (outcome.already) {
    co_return Fail(
        Error{Code::kNotFound, "the model \"" + id + "\" is not loaded", "GET /api/ps lists what is.", "model", "not_loaded"});
  }
  co_return UnloadedBody{"unloaded", id};
}

Error ErrorOf(const app::Refusal& refusal) {
  return Error{Code::kConflict, refusal.detail, refusal.remedy, "model", refusal.type};
}

// The files of one model, and nothing outside the cache; asks for a confirmation as the deletion of seed 002 does.
Task<Result<DeletedBody>> DeleteArtifacts(app::House& house, http::Exchange& exchange) {
  const model::ModelId id = IdOf(house, exchange);
  HOSTLER_CO_TRY(const lifecycle::Status status, co_await app::OnRoster(house, id));
  if (house.catalogue.Find(id) == nullptr) co_return DeletedBody{"not_found", id, status.entry.provider, {}};
  HOSTLER_CO_TRY(const app::Usage usage, co_await app::UsageOf(house, id, {}, false));
  app::RemovalRequest request{id, {}, exchange.query().Get("confirm").value_or(""), false, false};
  HOSTLER_CO_TRY(auto answer, co_await app::StartRemoval(house, std::move(request)));
  if (const auto* refusal = std::get_if<app::Refusal>(&answer)) co_return Fail(ErrorOf(*refusal));
  const app::Begun& begun = std::get<app::Begun>(answer);
  if (!begun.task) co_return DeletedBody{"not_found", id, status.entry.provider, {}};
  HOSTLER_CO_TRY(const tasks::Record record, co_await app::WaitFor(house, begun.task->id));
  if (record.status == tasks::Status::kFailed && record.error) co_return std::unexpected(*record.error);
  DeletedBody body{record.status == tasks::Status::kCompleted ? "deleted" : "not_found", id, status.entry.provider, {}};
  const std::string folder = (house.cache.FolderOf(usage.subject.repo)).string();
  if (usage.plan.whole_folder) body.deleted_paths.push_back(folder);
  for (const std::string& path : usage.plan.paths) body.deleted_paths.push_back(folder + "/" + path);
  co_return body;
}

// Waits for the end: what older clients expect of it. A client that leaves does not stop the download.
Task<Result<UnloadedBody>> Pull(app::House& house, http::Exchange& exchange) {
  const model::ModelId id = IdOf(house, exchange);
  HOSTLER_CO_OK(co_await FetchAndWait(house, id));
  co_return UnloadedBody{"downloaded", id};
}

Task<Result<UnloadedBody>> LoadNow(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const ModelObject object, co_await Load(house, exchange));
  co_return UnloadedBody{"loaded", object.id};
}

}  // namespace

Task<Result<std::string>> FetchAndWait(app::House& house, model::ModelId id) {
  HOSTLER_CO_TRY(const lifecycle::Status status, co_await app::OnRoster(house, id));
  if (house.catalogue.Find(id) == nullptr) {
    HOSTLER_CO_OK(CheckProvider(status));
    co_return std::string("already_downloaded");  // built in, or the user's own
  }
  HOSTLER_CO_TRY(const bool fetched, co_await app::Fetch(house, id));
  co_return std::string(fetched ? "downloaded" : "already_downloaded");
}

void AddManage(Door& door) {
  door.Get("/api/models", {"Speech and transcription models, those without a provider too", "Voice"}, List);
  door.Get("/api/models/{id+}/status", {"One model, with progress while something is under way", "Voice"}, Status);
  door.Get("/api/models/{id+}/progress", {"How far a download or a load is", "Voice"}, Progress);
  door.Post("/api/models/{id+}/load", {"Load a model", "Voice"}, Load);
  door.Post("/api/models/{id+}/download", {"Begin to fetch a model's files", "Voice"}, Download);
  door.Post("/api/models/{id+}/prefetch", {"Begin to fetch a model's files", "Voice"}, Download);
  door.Delete("/api/models/{id+}", {"Unload a model", "Voice"}, Unload);
  door.Delete("/api/models/{id+}/artifacts", {"Delete a model's files", "Voice", {"confirm"}}, DeleteArtifacts);
  door.Post("/api/pull/{id+}", {"Fetch a model's files and wait for them", "Voice"}, Pull);
  door.Post("/api/ps/{id+}", {"Load a model", "Voice"}, LoadNow);
  door.Delete("/api/ps/{id+}", {"Unload a model", "Voice"}, Unload);
}

}  // namespace hostler::api::voice
