#include "api/audio_answer.h"
#include "api/engine/routes.h"
#include "app/speak.h"
#include "providers/providers.h"

namespace hostler::api::engine {
namespace {

// The model named, or the only loaded one that speaks: the same rule as in an engine server.
Result<model::ModelId> Chosen(app::House& house, const std::optional<std::string>& asked) {
  if (asked) return providers::ResolveAlias(house.config, *asked);
  const std::vector<model::ModelId> loaded = house.lifecycle.LoadedOf(model::ModelType::kTts);
  if (loaded.size() == 1) return loaded.front();
  return Fail(Error{Code::kInvalid,
                    loaded.empty() ? "no model is named and none that speaks is loaded"
                                   : "no model is named and several are loaded: " + Join(loaded, ", "),
                    "Send model_id.",
                    "model_id",
                    {}});
}

// Generating with a model that is not loaded is an error here (seed 004: explicit load and unload).
Result<> CheckLoaded(app::House& house, const model::ModelId& id) {
  HOSTLER_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (status.state == model::MemoryState::kLoaded || status.state == model::MemoryState::kLoading) return {};
  return Fail(
      Error{Code::kConflict, "the model \"" + id + "\" is not loaded", "POST /models/load first.", "model_id", "not_loaded"});
}

template <class Request>
Task<Result<>> Generate(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(Request request, co_await ReadJson<Request>(exchange, true));
  HOSTLER_CO_TRY(const model::ModelId id, Chosen(house, request.model_id));
  HOSTLER_CO_OK(CheckLoaded(house, id));
  const bool wav = exchange.headers().Get("Accept").find("audio/wav") != std::string_view::npos;
  AudioAnswer answer(exchange);
  app::GenerateRequest generate{id, std::move(request), wav};
  HOSTLER_CO_OK(co_await app::Generate(house, std::move(generate), answer));
  co_await answer.Finish();
  co_return Result<>{};
}

}  // namespace

void AddGenerate(Door& door) {
  const auto doc = [](std::string summary) {
    return Doc{
        std::move(summary) + "; raw PCM s16le as it comes, or a whole WAV with Accept: audio/wav", "Engine", {}, "audio/pcm"};
  };
  door.Raw<wire::ControlRequest>(http::Method::kPost, "/generate/control", doc("Speak with a voice and a style"),
                                 Generate<wire::ControlRequest>);
  door.Raw<wire::CloneRequest>(http::Method::kPost, "/generate/clone", doc("Speak like a reference recording"),
                               Generate<wire::CloneRequest>);
  door.Raw<wire::DesignRequest>(http::Method::kPost, "/generate/design", doc("Speak with a described voice"),
                                Generate<wire::DesignRequest>);
}

}  // namespace hostler::api::engine
