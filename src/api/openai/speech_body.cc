#include "api/openai/speech_body.h"

#include <fmt/format.h>

#include "api/form.h"
#include "base/text.h"

namespace hostler::api::openai {
namespace {

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

Result<media::Format> FormatOf(const std::optional<std::string>& asked) {
  const std::string name = asked.value_or("mp3");
  if (const auto known = media::FormatFromName(name)) return *known;
  return Fail(Error{Code::kInvalid,
                    fmt::format("unknown response_format \"{}\"", Clip(name, 100)),
                    "Use one of: " + Join(media::FormatNames(), ", ") + ".",
                    "response_format",
                    {}});
}

// One of two words; the first is the default.
Result<bool> IsSecond(const std::optional<std::string>& asked, std::string_view first, std::string_view second,
                      std::string_view field) {
  if (!asked || *asked == first) return false;
  if (*asked == second) return true;
  return Fail(Error{Code::kInvalid,
                    fmt::format("unknown {} \"{}\"", field, Clip(*asked, 100)),
                    fmt::format("Use {} or {}.", first, second),
                    std::string(field),
                    {}});
}

Result<std::optional<app::Reference>> ReferenceOf(SpeechBody& body) {
  if (body.reference_audio && body.sample) {
    return Fail(Error{Code::kInvalid, "there are two recordings to speak like", "Send reference_audio or sample, not both.",
                      "reference_audio", "validation_error"});
  }
  if (!body.reference_audio && !body.sample) {
    if (!body.clone_transcript) return std::nullopt;
    return Fail(Error{Code::kInvalid, "there is a transcript of a recording, and no recording",
                      "Send reference_audio or sample, too.", "clone_transcript", "validation_error"});
  }
  app::Reference reference;
  reference.field = body.sample ? "sample" : "reference_audio";
  reference.base64 = !body.sample;
  reference.audio = std::move(body.reference_audio).value_or("");
  reference.sample = std::move(body.sample);
  reference.transcript = std::move(body.clone_transcript);
  return reference;
}

}  // namespace

Result<AskedSpeech> AskedIn(SpeechBody body) {
  AskedSpeech asked;
  app::SpeechRequest& request = asked.request;
  HOSTLER_TRY(request.voice, VoiceOf(body.voice));
  HOSTLER_TRY(request.reference, ReferenceOf(body));
  HOSTLER_TRY(request.format, FormatOf(body.response_format));
  HOSTLER_TRY(const bool events, IsSecond(body.stream_format, "audio", "sse", "stream_format"));
  asked.stream = events ? StreamFormat::kSse : StreamFormat::kAudio;
  HOSTLER_TRY(request.ssml, IsSecond(body.input_type, "text", "ssml", "input_type"));
  request.model = std::move(body.model).value_or("");
  request.input = std::move(body.input);
  request.speed = body.speed.value_or(1.0);
  request.language = std::move(body.language);
  request.instructions = std::move(body.instructions);
  request.design = std::move(body.voice_design);
  request.pitch = body.pitch;
  request.volume = body.volume;
  return asked;
}

Result<AskedSpeech> AskedIn(http::Form& form) {
  static const FormRules rules = {
      {"input", "model", "voice_library_ref", "transcript", "voice", "speed", "response_format", "language"},
      {"reference_audio"}};
  AskedSpeech asked;
  HOSTLER_OK(CheckForm(form, rules, &asked.ignored));
  app::SpeechRequest& request = asked.request;
  app::Reference reference;
  if (http::Part* file = form.Find("reference_audio")) {
    HOSTLER_TRY(reference.audio, file->Take());
    reference.field = "reference_audio";
    if (form.Find("voice_library_ref") != nullptr) asked.ignored.emplace_back("voice_library_ref");
  } else if (auto name = form.Value("voice_library_ref")) {
    reference.sample = std::move(name);
    reference.field = "voice_library_ref";
  } else {
    return Fail(Error{Code::kInvalid,
                      "there is no recording to speak like",
                      "Send the file as reference_audio, or the name of a sample as voice_library_ref.",
                      "reference_audio",
                      {}});
  }
  reference.transcript = form.Value("transcript");
  request.reference = std::move(reference);
  request.input = form.Value("input").value_or("");
  request.model = form.Value("model").value_or("");
  request.voice = form.Value("voice").value_or("");
  request.language = form.Value("language");
  HOSTLER_TRY(request.format, FormatOf(form.Value("response_format")));
  HOSTLER_TRY(const auto speed, NumberIn(form, "speed"));
  request.speed = speed.value_or(1.0);
  return asked;
}

}  // namespace hostler::api::openai
