#include "app/speak.h"

#include <fmt/format.h>

#include "app/audio_out.h"
#include "base/text.h"
#include "providers/providers.h"
#include "speech/blend.h"

namespace hostler::app {
namespace {

constexpr int kReferenceRate = 24000;  // Hz, of a clip for a model that does not say what it hears

Result<> CheckRange(std::string_view field, std::optional<double> value, double low, double high) {
  if (!value || (*value >= low && *value <= high)) return {};
  return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", *value), fmt::format("Use {} to {}.", low, high),
                    std::string(field), "validation_error"});
}

Error DoesNotSpeak(const model::ModelId& id) {
  return Error{Code::kUnsupported,
               fmt::format("the model \"{}\" does not speak", id),
               "Choose a model of type tts: `hostler models --type tts`.",
               "model",
               {}};
}

// A lease on a model that speaks. One of another type is refused before anything is loaded or put away for it.
Task<Result<lifecycle::Lease>> AcquireVoice(House& house, const lifecycle::Status& status) {
  if (status.entry.type != model::ModelType::kTts) co_return Fail(DoesNotSpeak(status.entry.id));
  HOSTLER_CO_TRY(lifecycle::Lease lease, co_await house.lifecycle.Acquire(status.entry.id));
  if (lease->capabilities.sample_rate <= 0) co_return Fail(DoesNotSpeak(status.entry.id));
  co_return lease;
}

std::string_view AsBytes(std::span<const std::int16_t> samples) {
  return {reinterpret_cast<const char*>(samples.data()), samples.size_bytes()};
}

// Of a model that cannot do what was asked; clients of the voice API know these words.
Error NotSupported(const lifecycle::Status& status, std::string_view what, std::string field, std::string_view capability) {
  return Error{Code::kUnsupported,
               fmt::format("{} is not supported by the {} backend.", what, status.entry.provider),
               fmt::format("Choose a model with {}: GET /api/tts/capabilities?model=ID says what one can do.", capability),
               std::move(field),
               {}};
}

bool HasVoice(const engines::Handle& handle, const std::string& voice) {
  return std::ranges::any_of(handle.voices, [&](const wire::Voice& known) { return known.id == voice; });
}

// The voice as the model knows it. A plus may stand in a voice's own name; where every part is a voice it means a blend.
Result<std::string> VoiceFor(const lifecycle::Status& status, const engines::Handle& handle, const std::string& asked) {
  std::string voice = providers::ResolveVoice(status.entry, asked);
  if (!speech::LooksLikeBlend(voice) || HasVoice(handle, voice)) return voice;
  auto shares = speech::ParseBlend(voice);
  if (shares) {
    for (speech::Share& share : *shares) share.voice = providers::ResolveVoice(status.entry, share.voice);
  }
  if (handle.capabilities.voice_blend) {
    HOSTLER_OK(shares);
    return speech::FormatBlend(*shares);
  }
  const bool meant =
      voice.contains('(') ||
      (shares && std::ranges::all_of(*shares, [&](const speech::Share& share) { return HasVoice(handle, share.voice); }));
  if (meant) return Fail(NotSupported(status, "Voice blending", "voice", "voice_blend"));
  return voice;
}

// What the model cannot do and nobody would want to miss in silence is an error; the rest is named to the client.
Result<> CheckAbilities(const lifecycle::Status& status, const wire::Capabilities& can, SpeechRequest& request, Stream& stream) {
  if (request.reference && !can.voice_clone)
    return Fail(NotSupported(status, "Voice cloning", request.reference->field, "voice_clone"));
  if (request.design && !can.voice_design) return Fail(NotSupported(status, "voice_design", "voice_design", "voice_design"));
  if (request.speed != 1.0 && !can.speed_control) return Fail(NotSupported(status, "speed", "speed", "speed_control"));
  const bool by_voice = !request.reference && !request.design;
  const auto ignore = [&](bool given, std::string_view field) {
    if (given) stream.ignored.emplace_back(field);
  };
  ignore(request.instructions && !(by_voice && can.instructions), "instructions");
  ignore(!by_voice && !request.voice.empty(), "voice");
  ignore(!by_voice && request.pitch, "pitch");
  ignore(!by_voice && request.volume, "volume");
  if (!can.instructions) request.instructions.reset();
  if (!by_voice) request.voice.clear();
  return {};
}

// What is said, and the pauses: the text with its marks read and its words as they are pronounced.
Task<Result<std::vector<speech::Stretch>>> ScriptOf(House& house, const SpeechRequest& request) {
  std::vector<speech::Stretch> script;
  if (request.ssml) {
    HOSTLER_CO_TRY(script, speech::ReadSsml(request.input));
  } else {
    script.push_back({request.input, 0});
  }
  if (!house.dictionary.configured()) co_return script;
  co_return co_await house.disk_pool.Run([&house, script = std::move(script)]() mutable -> Result<std::vector<speech::Stretch>> {
    const auto words = house.dictionary.Now(
        [&house](const Error& error) { house.log.Error("speech.dictionary: {} The old one stays in use.", error.Text()); });
    if (words == nullptr) return std::move(script);
    std::string all;
    for (speech::Stretch& stretch : script) all += stretch.text = words->Apply(stretch.text);
    if (Trim(all).empty()) {
      return Fail(Error{Code::kInvalid,
                        "the pronunciation dictionary leaves nothing of the text to say",
                        "Send another text, or change speech.dictionary.",
                        "input",
                        {}});
    }
    return std::move(script);
  });
}

wire::ControlRequest ControlOf(SpeechRequest& request) {
  wire::ControlRequest control;
  if (!request.voice.empty()) control.voice = request.voice;
  if (request.speed != 1.0) control.speed = request.speed;
  control.pitch = request.pitch;
  control.volume = request.volume;
  control.language = std::move(request.language);
  control.instructions = std::move(request.instructions);
  return control;
}

// How one stretch is spoken.
Task<Result<Voicing::Open>> OpenerOf(House& house, std::shared_ptr<const engines::Handle> handle, SpeechRequest request) {
  using Opened = Task<Result<std::unique_ptr<engines::AudioStream>>>;
  const std::optional<double> speed = request.speed == 1.0 ? std::nullopt : std::optional(request.speed);
  if (request.reference) {
    wire::CloneRequest clone{
        .transcript = std::move(request.reference->transcript), .speed = speed, .language = std::move(request.language)};
    const int hears = handle->capabilities.input_sample_rate;
    HOSTLER_CO_TRY(std::string clip,
                   co_await ReadReference(house, *std::move(request.reference), hears > 0 ? hears : kReferenceRate));
    co_return [&house, handle, clone = std::move(clone), clip = std::move(clip)](std::string text) -> Opened {
      wire::CloneRequest one = clone;
      one.text = std::move(text);
      return house.switchboard.Clone(handle, std::move(one), clip);
    };
  }
  if (request.design) {
    wire::DesignRequest design{
        .description = *std::move(request.design), .speed = speed, .language = std::move(request.language)};
    co_return [&house, handle, design = std::move(design)](std::string text) -> Opened {
      wire::DesignRequest one = design;
      one.text = std::move(text);
      return house.switchboard.Design(handle, std::move(one));
    };
  }
  co_return [&house, handle, control = ControlOf(request)](std::string text) -> Opened {
    wire::ControlRequest one = control;
    one.text = std::move(text);
    return house.switchboard.Control(handle, std::move(one));
  };
}

Result<> CheckRequest(const config::Config& config, const SpeechRequest& request) {
  HOSTLER_OK(CheckText(config, request.input, "input"));
  HOSTLER_OK(CheckRange("speed", request.speed, 0.25, 4));
  HOSTLER_OK(CheckRange("pitch", request.pitch, -1, 1));
  HOSTLER_OK(CheckRange("volume", request.volume, 0, 2));
  if (request.design && request.reference) {
    return Fail(Error{Code::kInvalid, "a voice is either cloned or designed", "Send a recording or voice_design, not both.",
                      "voice_design", "validation_error"});
  }
  if (request.design && Trim(*request.design).empty()) {
    return Fail(Error{Code::kInvalid, "there is no description of the voice", "Say what it is like, or leave voice_design out.",
                      "voice_design", "validation_error"});
  }
  return {};
}

}  // namespace

Result<> CheckText(const config::Config& config, const std::string& text, std::string_view field) {
  const auto refuse = [&](std::string message, std::string remedy) {
    return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), std::string(field), {}});
  };
  const auto length = Utf8Length(text);
  if (!length) return refuse("the text is not valid UTF-8", "Send it in UTF-8.");
  if (*length > static_cast<std::size_t>(config.max_input_length)) {
    return refuse(fmt::format("the text has {} characters, the limit is {}", *length, config.max_input_length),
                  "Split it, or raise speech.max_input_length.");
  }
  if (Trim(text).empty()) return refuse("there is nothing to say", "Send some text.");
  return {};
}

Task<Result<>> Speak(House& house, SpeechRequest request, ByteSink& sink) {
  HOSTLER_CO_OK(CheckRequest(house.config, request));
  HOSTLER_CO_TRY(std::vector<speech::Stretch> script, co_await ScriptOf(house, request));
  const model::ModelId id =
      providers::ResolveAlias(house.config, request.model.empty() ? house.config.default_tts : request.model);
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  const bool whole = request.whole;
  const media::Format format = request.format;
  // While the model loads, the codecs can be opened too.
  if (format != media::Format::kWav && !house.lifecycle.Loaded(id))
    house.media_pool.Submit([&codecs = house.codecs] { (void)codecs.Warm(); });
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await AcquireVoice(house, status));

  Stream stream{std::string(media::ContentType(format)), std::nullopt, id, {}, 0, 0, {}};
  HOSTLER_CO_OK(CheckAbilities(status, lease->capabilities, request, stream));
  HOSTLER_CO_TRY(request.voice, VoiceFor(status, *lease, request.voice));
  stream.voice = request.voice;
  HOSTLER_CO_TRY(Voicing::Open open, co_await OpenerOf(house, lease.handle(), std::move(request)));
  Voicing voicing(std::move(script), std::move(open), house.config.trim_silence);
  HOSTLER_CO_OK(co_await voicing.Begin());
  if (whole) co_return co_await SendWhole(house, std::move(stream), format, voicing, house.config.normalize, sink);
  co_return co_await SendStreamed(house, std::move(stream), format, voicing, sink);
}

namespace {

using Opened = Result<std::unique_ptr<engines::AudioStream>>;

// A sample lies in the house's folder; its engines have none.
Task<Opened> CloneWith(House& house, std::shared_ptr<const engines::Handle> handle, wire::CloneRequest request) {
  if (!request.sample || request.reference_audio || !handle->capabilities.voice_clone)
    co_return co_await house.switchboard.Clone(std::move(handle), std::move(request));
  const int hears = handle->capabilities.input_sample_rate;
  Reference reference{.sample = std::move(request.sample), .field = "sample"};
  request.sample.reset();
  HOSTLER_CO_TRY(std::string clip, co_await ReadReference(house, std::move(reference), hears > 0 ? hears : kReferenceRate));
  co_return co_await house.switchboard.Clone(std::move(handle), std::move(request), std::move(clip));
}

}  // namespace

Task<Result<>> Generate(House& house, GenerateRequest request, ByteSink& sink) {
  const std::string text = std::visit([](const auto& mode) { return mode.text; }, request.request);
  HOSTLER_CO_OK(CheckText(house.config, text, "text"));
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(request.model));
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await AcquireVoice(house, status));
  auto open = [&house, handle = lease.handle(), mode = std::move(request.request)](const std::string&) -> Task<Opened> {
    if (const auto* control = std::get_if<wire::ControlRequest>(&mode)) return house.switchboard.Control(handle, *control);
    if (const auto* clone = std::get_if<wire::CloneRequest>(&mode)) return CloneWith(house, handle, *clone);
    return house.switchboard.Design(handle, std::get<wire::DesignRequest>(mode));
  };
  Voicing voicing({{text, 0}}, std::move(open), false);
  HOSTLER_CO_OK(co_await voicing.Begin());
  const Stream stream{
      request.wav ? "audio/wav" : "audio/pcm", std::nullopt, request.model, {}, voicing.sample_rate(), voicing.channels(), {}};
  if (request.wav) co_return co_await SendWhole(house, stream, media::Format::kWav, voicing, false, sink);
  HOSTLER_CO_TRY(std::span<const std::int16_t> samples, co_await voicing.ReadSome());
  co_await sink.Begin(stream);
  while (!samples.empty()) {
    co_await sink.Write(AsBytes(samples));
    HOSTLER_CO_TRY(samples, co_await voicing.ReadSome());
  }
  co_return Result<>{};
}

}  // namespace hostler::app
