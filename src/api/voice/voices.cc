#include "api/voice/routes.h"
#include "app/abilities.h"
#include "providers/providers.h"

namespace hostler::api::voice {
namespace {

struct VoiceRow {
  std::string id;
  std::string name;
  std::string language;
  std::string gender;
  std::string model;
};
BOOST_DESCRIBE_STRUCT(VoiceRow, (), (id, name, language, gender, model))

struct VoiceRows {
  std::vector<VoiceRow> voices;
};
BOOST_DESCRIBE_STRUCT(VoiceRows, (), (voices))

struct CapabilityAnswer {
  std::string model;
  std::string backend;
  wire::Capabilities capabilities;
};
BOOST_DESCRIBE_STRUCT(CapabilityAnswer, (), (model, backend, capabilities))

void Append(VoiceRows& rows, const model::ModelId& id, const std::vector<wire::Voice>& voices) {
  for (const wire::Voice& voice : voices) rows.voices.push_back({voice.id, voice.name, voice.language, voice.gender, id});
}

// ?model=: of that model (an unknown one is an error). Without it: of every model whose voices can be known now.
Task<Result<VoiceRows>> Voices(app::House& house, http::Exchange& exchange) {
  VoiceRows rows;
  if (const auto asked = exchange.query().Get("model")) {
    HOSTLER_CO_TRY(const engines::Abilities abilities, co_await app::AbilitiesOf(house, *asked));
    Append(rows, providers::ResolveAlias(house.config, *asked), abilities.voices);
    co_return rows;
  }
  for (const lifecycle::Status& status : house.lifecycle.List()) {
    if (status.entry.type != model::ModelType::kTts || status.entry.disk == model::DiskState::kProviderMissing) continue;
    if (!status.entry.built_in && status.state != model::MemoryState::kLoaded) continue;
    const auto abilities = co_await app::AbilitiesOf(house, status.entry.id);
    if (abilities)
      Append(rows, status.entry.id, abilities->voices);
    else
      house.log.Warning("The voices of {} are not listed: {}", status.entry.id, abilities.error().Text());
  }
  co_return rows;
}

Task<Result<CapabilityAnswer>> Capabilities(app::House& house, http::Exchange& exchange) {
  const model::ModelId id =
      providers::ResolveAlias(house.config, exchange.query().Get("model").value_or(house.config.default_tts));
  HOSTLER_CO_TRY(const engines::Abilities abilities, co_await app::AbilitiesOf(house, id));
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  co_return CapabilityAnswer{id, status.entry.provider, abilities.capabilities};
}

// Clients ask here for a WebSocket, on which speech is transcribed as it comes.
Task<Result<>> Stream(app::House&, http::Exchange& exchange) {
  const Error error{Code::kUnsupported,
                    "this is no place for plain HTTP: speech would come over a WebSocket",
                    "This version transcribes recordings: POST /v1/audio/transcriptions.",
                    {},
                    "websocket_upgrade_required"};
  http::Response response = ErrorResponseWithStatus(426, error);
  response.headers.Set("Upgrade", "websocket");
  co_await exchange.Send(std::move(response));
  co_return Result<>{};
}

}  // namespace

void AddVoices(Door& door) {
  door.Raw(http::Method::kGet, "/v1/audio/stream", {"Live transcription: answers plain HTTP with 426", "Voice"}, Stream);
  door.Get("/v1/audio/voices", {"The voices", "Voice", {"model"}}, Voices);
  door.Get("/api/tts/voices", {"The voices", "Voice", {"model"}}, Voices);
  door.Get("/api/tts/capabilities", {"What a model can do", "Voice", {"model"}}, Capabilities);
}

}  // namespace hostler::api::voice
