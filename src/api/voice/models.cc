#include "api/voice/routes.h"
#include "api/words.h"
#include "app/load.h"
#include "app/roster.h"
#include "providers/providers.h"

namespace hostler::api::voice {
namespace {

struct AudioModel {
  std::string model;
  std::string id;
  model::ModelType type = model::ModelType::kTts;
  std::string backend;
  std::string provider;
  std::string device;
  std::string status;  // "loaded" or "not_loaded": what older clients look at
  std::string state;   // spec/voice.md section 5
  std::string badge;
  json::Nullable<double> loaded_at;
  json::Nullable<double> last_used_at;
  bool is_default = false;
  bool provider_available = true;
  std::string description;
  std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(AudioModel, (),
                      (model, id, type, backend, provider, device, status, state, badge, loaded_at, last_used_at, is_default,
                       provider_available, description, error))
struct AudioModels {
  std::vector<AudioModel> models;
};
BOOST_DESCRIBE_STRUCT(AudioModels, (), (models))

struct RunningModel {
  std::string model;
  model::ModelType type = model::ModelType::kTts;
  std::string backend;
  std::string device;
  std::string compute_type;
  json::Nullable<double> loaded_at;
  json::Nullable<double> last_used_at;
  bool is_default = false;
  json::Nullable<double> ttl_remaining;  // seconds until the idle time-out; null: never
  double memory_mb = 0;
  std::int64_t leases = 0;
  int pid = 0;
};
BOOST_DESCRIBE_STRUCT(RunningModel, (),
                      (model, type, backend, device, compute_type, loaded_at, last_used_at, is_default, ttl_remaining, memory_mb,
                       leases, pid))

struct RunningModels {
  std::vector<RunningModel> models;
};
BOOST_DESCRIBE_STRUCT(RunningModels, (), (models))

struct ModelQuestion {
  std::optional<std::string> model;  // default: the speech default
};
BOOST_DESCRIBE_STRUCT(ModelQuestion, (), (model))

struct ModelAnswer {
  std::string status;  // "loaded", "unloaded", "downloaded"
  std::string model;
  std::string outcome;   // "loaded", "already_loaded", "unloaded", "already_downloaded"
  double memory_mb = 0;  // taken by the load or freed by the unload
  double seconds = 0;
};
BOOST_DESCRIBE_STRUCT(ModelAnswer, (), (status, model, outcome, memory_mb, seconds))

bool IsAudio(const lifecycle::Status& status) {
  return status.entry.type == model::ModelType::kTts || status.entry.type == model::ModelType::kStt;
}

bool IsDefault(const app::House& house, const lifecycle::Status& status) {
  return status.entry.id == house.config.default_tts || status.entry.id == house.config.default_stt;
}

std::optional<double> Unix(const std::optional<WallClock::time_point>& time) {
  return time ? std::optional(UnixSeconds(*time)) : std::nullopt;
}

Task<Result<AudioModels>> List(app::House& house, http::Exchange&) {
  AudioModels models;
  for (const lifecycle::Status& status : co_await app::Roster(house, app::Of::kAll)) {
    if (!IsAudio(status)) continue;
    AudioModel row;
    row.model = row.id = status.entry.id;
    row.type = status.entry.type;
    row.backend = row.provider = status.entry.provider;
    row.device = "cpu";
    row.status = status.state == model::MemoryState::kLoaded ? "loaded" : "not_loaded";
    row.state = VoiceState(status);
    row.badge = Badge(status);
    row.loaded_at = Unix(status.loaded_at);
    row.last_used_at = Unix(status.last_used_at);
    row.is_default = IsDefault(house, status);
    row.provider_available = status.entry.disk != model::DiskState::kProviderMissing;
    row.description = status.entry.description;
    if (!row.provider_available)
      row.error = status.entry.remedy;
    else if (!status.error.empty())
      row.error = status.error;
    models.models.push_back(std::move(row));
  }
  co_return models;
}

Task<Result<RunningModels>> Running(app::House& house, http::Exchange&) {
  RunningModels models;
  for (const lifecycle::Status& status : house.lifecycle.List()) {
    if (status.state != model::MemoryState::kLoaded) continue;
    RunningModel row;
    row.model = status.entry.id;
    row.type = status.entry.type;
    row.backend = status.entry.provider;
    row.device = "cpu";
    row.compute_type = "default";
    row.loaded_at = Unix(status.loaded_at);
    row.last_used_at = Unix(status.last_used_at);
    row.is_default = IsDefault(house, status);
    if (house.config.idle_timeout_s > 0 && !status.entry.pinned && status.last_used_at) {
      row.ttl_remaining =
          std::max(0.0, UnixSeconds(*status.last_used_at) + house.config.idle_timeout_s - UnixSeconds(WallClock::now()));
    }
    row.memory_mb = status.memory_mb;
    row.leases = static_cast<std::int64_t>(status.leases);
    row.pid = status.pid;
    models.models.push_back(std::move(row));
  }
  co_return models;
}

model::ModelId Named(const app::House& house, const ModelQuestion& question) {
  return providers::ResolveAlias(house.config, question.model.value_or(house.config.default_tts));
}

Task<Result<ModelAnswer>> Load(app::House& house, http::Exchange&, ModelQuestion question) {
  const model::ModelId id = Named(house, question);
  HOSTLER_CO_TRY(const lifecycle::LoadOutcome outcome, co_await app::Load(house, id));
  co_return ModelAnswer{"loaded", id, outcome.already ? "already_loaded" : "loaded", outcome.receipt.memory_after_mb,
                        outcome.receipt.seconds};
}

Task<Result<ModelAnswer>> Unload(app::House& house, http::Exchange&, ModelQuestion question) {
  const model::ModelId id = Named(house, question);
  HOSTLER_CO_TRY(const lifecycle::LoadOutcome outcome, co_await house.lifecycle.Unload(id));
  if (outcome.already) {
    co_return Fail(
        Error{Code::kNotFound, "the model \"" + id + "\" is not loaded", "GET /api/ps lists what is.", "model", "not_loaded"});
  }
  co_return ModelAnswer{"unloaded", id, "unloaded", outcome.receipt.memory_before_mb, outcome.receipt.seconds};
}

// Waits for the files. Built-in models and the user's own have nothing to fetch; the answer says so.
Task<Result<ModelAnswer>> Prefetch(app::House& house, http::Exchange&, ModelQuestion question) {
  const model::ModelId id = Named(house, question);
  const auto begin = Clock::now();
  HOSTLER_CO_TRY(std::string outcome, co_await FetchAndWait(house, id));
  co_return ModelAnswer{"downloaded", id, std::move(outcome), 0, Seconds(Clock::now() - begin)};
}

}  // namespace

void AddModels(Door& door) {
  door.Get("/v1/audio/models", {"Speech and transcription models with their states", "Voice"}, List);
  door.Post("/v1/audio/models/load", {"Load a model", "Voice"}, Load);
  door.Post("/v1/audio/models/unload", {"Unload a model", "Voice"}, Unload);
  door.Post("/v1/audio/models/prefetch", {"Fetch a model's files without loading it", "Voice"}, Prefetch);
  door.Get("/api/ps", {"The loaded models", "Voice"}, Running);
}

}  // namespace hostler::api::voice
