#include <cmath>
#include <cstring>
#include <numbers>

#include "base/text.h"
#include "conform/walk.h"

namespace hostler::conform {
using enum http::Method;
namespace {

std::uint32_t Number(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  if (bytes.size() >= at + sizeof value) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void Append(std::string& out, std::uint32_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

// One second of a soft tone, PCM s16le mono.
std::string SmallWav(int rate) {
  std::string samples;
  for (int i = 0; i < rate; ++i) {
    Append(samples, static_cast<std::uint16_t>(static_cast<std::int16_t>(2000 * std::sin(2 * std::numbers::pi * 440 * i / rate))),
           2);
  }
  std::string wav = "RIFF";
  Append(wav, static_cast<std::uint32_t>(36 + samples.size()), 4);
  wav += "WAVEfmt ";
  Append(wav, 16, 4);
  Append(wav, 1, 2);
  Append(wav, 1, 2);
  Append(wav, static_cast<std::uint32_t>(rate), 4);
  Append(wav, static_cast<std::uint32_t>(2 * rate), 4);
  Append(wav, 2, 2);
  Append(wav, 16, 2);
  wav += "data";
  Append(wav, static_cast<std::uint32_t>(samples.size()), 4);
  return wav + samples;
}

}  // namespace

std::string Walk::Control(std::string text) const {
  return json::ToJson(wire::ControlRequest{.model_id = model_, .text = std::move(text)});
}

Walk::Speech Walk::Saying(std::string text) const {
  const bool own_voice = !capabilities_.default_voice.empty();
  if (capabilities_.voice_clone && !own_voice) {
    wire::CloneRequest clone{.model_id = model_, .text = std::move(text)};
    clone.reference_audio = Base64Encode(SmallWav(capabilities_.input_sample_rate));
    return {"/generate/clone", json::ToJson(clone)};
  }
  if (capabilities_.voice_design && !own_voice) {
    return {"/generate/design",
            json::ToJson(wire::DesignRequest{.model_id = model_, .text = std::move(text), .description = "A calm voice."})};
  }
  return {"/generate/control", Control(std::move(text))};
}

Task<> Walk::Abilities() {
  const std::string query = "?model_id=" + PercentEncode(model_);
  const auto response = co_await subject_.Ask(kGet, "/capabilities" + query);
  auto capabilities = json::Parse<wire::Capabilities>(response.body, json::Unknown::kIgnore);
  Expect(response.status == 200 && capabilities, "GET /capabilities answers with every key",
         capabilities ? Seen(response) : capabilities.error().Text());
  if (capabilities) capabilities_ = *std::move(capabilities);
  const auto voices = co_await subject_.Ask(kGet, "/voices" + query);
  const auto list = json::Parse<wire::VoiceList>(voices.body, json::Unknown::kIgnore);
  Expect(voices.status == 200 && list, "GET /voices answers with id, name, language, gender",
         list ? Seen(voices) : list.error().Text());
}

Task<> Walk::Speaking() {
  if (capabilities_.sample_rate == 0) {
    ExpectError(co_await subject_.Ask(kPost, "/generate/control", Control("Hello.")), 0, "unsupported",
                "a model that does not speak says so");
    co_return;
  }
  const Speech hello = Saying("Hello.");
  const auto pcm = co_await subject_.Ask(kPost, hello.target, hello.body);
  const bool headers = !pcm.headers.Get("X-Sample-Rate").empty() && !pcm.headers.Get("X-Channels").empty();
  Expect(pcm.status == 200 && headers && pcm.body.size() > 1000 && pcm.body.size() % 2 == 0,
         "speech is PCM s16le with X-Sample-Rate and X-Channels", Seen(pcm));
  http::Headers accept;
  accept.Set("Accept", "audio/wav");
  const auto wav = co_await subject_.Ask(kPost, hello.target, hello.body, accept);
  const bool whole = wav.body.starts_with("RIFF") && Number(wav.body, 4) == wav.body.size() - 8;
  Expect(wav.status == 200 && whole, "Accept: audio/wav answers a complete WAV", Seen(wav));
  const Speech blank = Saying("  ");
  ExpectError(co_await subject_.Ask(kPost, blank.target, blank.body), 400, "bad_request", "a blank text is a bad_request");
  const std::string stranger =
      json::ToJson(wire::ControlRequest{.model_id = model_, .text = "Hello.", .voice = "no-such-voice-at-all"});
  ExpectError(co_await subject_.Ask(kPost, "/generate/control", stranger), 0, "not_found", "an unknown voice is not_found");
}

Task<> Walk::Leaving() {
  if (capabilities_.sample_rate == 0) co_return;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "This is a long text that nobody wants to hear to its end. ";
  const Speech all = Saying(text);
  const auto begun = co_await subject_.AskAndLeave(all.target, all.body);
  const Speech hello = Saying("Hello.");
  const auto next = co_await subject_.Ask(kPost, hello.target, hello.body);
  Expect(begun.status == 200 && !begun.body.empty() && next.status == 200, "a client that goes away frees the model",
         begun.status == 200 ? Seen(next) : Seen(begun));
}

Task<> Walk::Hearing() {
  if (!capabilities_.transcribe) {
    Skipped("POST /transcribe", "the model does not transcribe");
    co_return;
  }
  http::Headers type;
  type.Set("Content-Type", "audio/wav");
  const std::string target = "/transcribe?model_id=" + PercentEncode(model_);
  const std::string wav = SmallWav(capabilities_.input_sample_rate);
  const auto response = co_await subject_.Ask(kPost, target, wav, type);
  const auto transcript = json::Parse<wire::Transcript>(response.body, json::Unknown::kIgnore);
  Expect(response.status == 200 && transcript && std::abs(transcript->duration - 1) < 0.05,
         "POST /transcribe answers with text, language, duration, segments, words",
         transcript ? Seen(response) : transcript.error().Text());
  ExpectError(co_await subject_.Ask(kPost, target, "this is no recording", type), 400, "",
              "a broken recording is an error of the client");
  const auto events = co_await subject_.Events(kPost, target, wav, type, SIZE_MAX);
  Expect(!events.empty() && events.back().event == "done", "a transcription as events ends with `done`",
         std::to_string(events.size()) + " events");
}

Task<> Walk::Diarizing() {
  if (!capabilities_.diarize.value_or(false)) {
    Skipped("POST /diarize", "the model does not tell speakers apart");
    co_return;
  }
  http::Headers type;
  type.Set("Content-Type", "audio/wav");
  const std::string target = "/diarize?model_id=" + PercentEncode(model_);
  const auto response = co_await subject_.Ask(kPost, target, SmallWav(capabilities_.input_sample_rate), type);
  const auto reply = json::Parse<wire::DiarizeReply>(response.body, json::Unknown::kIgnore);
  Expect(response.status == 200 && reply && std::abs(reply->duration - 1) < 0.05,
         "POST /diarize answers with duration, speakers, turns", reply ? Seen(response) : reply.error().Text());
  ExpectError(co_await subject_.Ask(kPost, target, "this is no recording", type), 400, "",
              "a broken recording of speakers is an error of the client");
  ExpectError(co_await subject_.Ask(kPost, target + "&speakers=-1", SmallWav(capabilities_.input_sample_rate), type), 400,
              "bad_request", "a number of speakers that cannot be is refused");
}

}  // namespace hostler::conform
