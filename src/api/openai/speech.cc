#include "api/audio_answer.h"
#include "api/openai/routes.h"
#include "app/speak.h"

namespace hostler::api::openai {
namespace {

struct SpeechBody {
  std::optional<std::string> model;
  std::string input;
  std::optional<json::Any> voice;  // a name, or {"id": name}
  std::optional<std::string> response_format;
  std::optional<double> speed;
  std::optional<std::string> instructions;
  std::optional<std::string> language;
  std::optional<std::string> stream_format;
  std::optional<double> pitch;   // hostler's own: -1 to 1
  std::optional<double> volume;  // hostler's own: 0 to 2
};
BOOST_DESCRIBE_STRUCT(SpeechBody, (),
                      (model, input, voice, response_format, speed, instructions, language, stream_format, pitch, volume))

struct VoiceObject {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(VoiceObject, (), (id))

Result<std::string> VoiceOf(const std::optional<json::Any>& voice) {
  if (!voice || voice->is_null()) return std::string();
  if (voice->is_string()) return std::string(voice->get_string());
  VoiceObject object;
  json::DecodeOptions options{json::Unknown::kIgnore, {}};
  if (json::Decode(*voice, object, options)) return object.id;
  return Fail(Error{Code::kInvalid, "expected a voice's name or {\"id\": name}", "GET /v1/audio/voices lists the voices.",
                    "voice", "validation_error"});
}

Result<app::SpeechRequest> RequestOf(SpeechBody body, bool whole) {
  app::SpeechRequest request;
  request.model = std::move(body.model).value_or("");
  request.input = std::move(body.input);
  HOSTLER_TRY(request.voice, VoiceOf(body.voice));
  const std::string format = std::move(body.response_format).value_or("mp3");
  const auto known = media::FormatFromName(format);
  if (!known) {
    return Fail(Error{Code::kInvalid,
                      "unknown response_format \"" + format + "\"",
                      "Use one of: " + Join(media::FormatNames(), ", ") + ".",
                      "response_format",
                      {}});
  }
  request.format = *known;
  if (body.stream_format && *body.stream_format != "audio") {
    return Fail(Error{Code::kUnsupported,
                      "stream_format \"" + *body.stream_format + "\" is not supported",
                      "Leave it out: the audio is streamed as it is made.",
                      "stream_format",
                      {}});
  }
  request.speed = body.speed.value_or(1.0);
  request.language = std::move(body.language);
  request.instructions = std::move(body.instructions);
  request.pitch = body.pitch;
  request.volume = body.volume;
  request.whole = whole;
  return request;
}

Task<Result<>> Speech(app::House& house, http::Exchange& exchange) {
  std::vector<std::string> ignored;
  HOSTLER_CO_TRY(SpeechBody body, co_await ReadJson<SpeechBody>(exchange, false, &ignored));
  NameIgnored(exchange, ignored);
  HOSTLER_CO_OK(app::CheckText(house.config, body.input, "input"));
  const bool whole = exchange.query().Get("stream") == "false";
  HOSTLER_CO_TRY(app::SpeechRequest request, RequestOf(std::move(body), whole));
  AudioAnswer answer(exchange);
  HOSTLER_CO_OK(co_await app::Speak(house, std::move(request), answer));
  co_await answer.Finish();
  co_return Result<>{};
}

}  // namespace

void AddSpeech(Door& door) {
  door.Raw<SpeechBody>(
      http::Method::kPost, "/v1/audio/speech",
      {"Speak a text; the audio is streamed as it is made, or sent whole with ?stream=false", "OpenAI", {"stream"}, "audio/mpeg"},
      Speech);
}

}  // namespace hostler::api::openai
