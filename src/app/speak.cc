#include "app/speak.h"

#include <fmt/format.h>

#include "base/text.h"
#include "providers/providers.h"

namespace hostler::app {
namespace {

// Of audio that is collected whole: bytes. Longer is for streams.
constexpr std::size_t kLongestWhole = 256 << 20;

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

// WAV and fitting PCM are a copy; every other codec costs time that the loop does not have.
bool EncodesAtOnce(const media::EncoderOptions& options) {
  return options.format == media::Format::kWav ||
         (options.format == media::Format::kPcm && options.sample_rate == 24000 && options.channels == 1);
}

// The encoder, run on the pool unless it costs nothing.
class Encoding {
 public:
  static Task<Result<Encoding>> Make(House& house, media::EncoderOptions options) {
    Encoding encoding(house, EncodesAtOnce(options));
    using Made = Result<std::shared_ptr<media::Encoder>>;
    auto make = [&codecs = house.codecs, options]() -> Made {
      auto made = codecs.MakeEncoder(options);
      if (!made) return std::unexpected(made.error());
      return std::shared_ptr<media::Encoder>(std::move(*made));
    };
    Made made = encoding.at_once_ ? make() : co_await house.media_pool.Run(make);
    if (!made) co_return std::unexpected(made.error());
    encoding.encoder_ = std::move(*made);
    co_return encoding;
  }

  Task<Result<std::string>> Push(std::span<const std::int16_t> samples) {
    if (at_once_) co_return encoder_->Push(samples);
    // The job owns what it touches: the caller may be cancelled while it runs.
    auto job = [encoder = encoder_, copy = std::vector<std::int16_t>(samples.begin(), samples.end())] {
      return encoder->Push(copy);
    };
    co_return co_await pool_->Run(std::move(job));
  }

  Task<Result<std::string>> Finish() {
    if (at_once_) co_return encoder_->Finish();
    auto job = [encoder = encoder_] { return encoder->Finish(); };
    co_return co_await pool_->Run(std::move(job));
  }

 private:
  Encoding(House& house, bool at_once) : pool_(&house.media_pool), at_once_(at_once) {}
  Pool* pool_;
  bool at_once_;
  std::shared_ptr<media::Encoder> encoder_;
};

Task<Result<media::Audio>> CollectAudio(engines::AudioStream& audio, std::span<const std::int16_t> first) {
  media::Audio whole{audio.sample_rate(), audio.channels(), {first.begin(), first.end()}};
  for (std::span<const std::int16_t> samples = first; !samples.empty();) {
    HOSTLER_CO_TRY(samples, co_await audio.ReadSome());
    whole.samples.insert(whole.samples.end(), samples.begin(), samples.end());
    if (whole.samples.size() * sizeof(std::int16_t) > kLongestWhole) {
      co_return Fail(Error{Code::kTooLarge,
                           fmt::format("the speech is longer than {:.0f} minutes and was asked for whole", whole.seconds() / 60),
                           "Ask for it as a stream, or in parts.",
                           {},
                           {}});
    }
  }
  co_return whole;
}

Task<Result<>> SendWhole(House& house, Stream stream, media::Format format, media::Audio audio, ByteSink& sink) {
  const media::EncoderOptions options{format, audio.sample_rate, audio.channels,
                                      audio.samples.size() / static_cast<std::size_t>(audio.channels)};
  auto encode = [&codecs = house.codecs, options, audio = std::move(audio)]() -> Result<std::string> {
    HOSTLER_TRY(const auto encoder, codecs.MakeEncoder(options));
    HOSTLER_TRY(std::string bytes, encoder->Push(audio.samples));
    HOSTLER_TRY(const std::string rest, encoder->Finish());
    return bytes + rest;
  };
  HOSTLER_CO_TRY(const std::string bytes, co_await house.media_pool.Run(std::move(encode)));
  stream.length = bytes.size();
  co_await sink.Begin(stream);
  co_await sink.Write(bytes);
  co_return Result<>{};
}

Task<Result<>> SendStreamed(House& house, const Stream& stream, media::Format format, engines::AudioStream& audio,
                            std::span<const std::int16_t> samples, ByteSink& sink) {
  HOSTLER_CO_TRY(Encoding encoding,
                 co_await Encoding::Make(house, {format, audio.sample_rate(), audio.channels(), std::nullopt}));
  bool begun = false;
  while (!samples.empty()) {
    HOSTLER_CO_TRY(const std::string bytes, co_await encoding.Push(samples));
    if (!begun) co_await sink.Begin(stream);
    begun = true;
    if (!bytes.empty()) co_await sink.Write(bytes);
    HOSTLER_CO_TRY(samples, co_await audio.ReadSome());
  }
  HOSTLER_CO_TRY(const std::string rest, co_await encoding.Finish());
  if (!begun) co_await sink.Begin(stream);
  if (!rest.empty()) co_await sink.Write(rest);
  co_return Result<>{};
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
  HOSTLER_CO_OK(CheckText(house.config, request.input, "input"));
  HOSTLER_CO_OK(CheckRange("speed", request.speed, 0.25, 4));
  HOSTLER_CO_OK(CheckRange("pitch", request.pitch, -1, 1));
  HOSTLER_CO_OK(CheckRange("volume", request.volume, 0, 2));
  const model::ModelId id =
      providers::ResolveAlias(house.config, request.model.empty() ? house.config.default_tts : request.model);
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  // While the model loads, the codecs can be opened too.
  const bool needs_codec = request.format != media::Format::kWav;
  if (needs_codec && !house.lifecycle.Loaded(id)) house.media_pool.Submit([&codecs = house.codecs] { (void)codecs.Warm(); });
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await AcquireVoice(house, status));

  wire::ControlRequest control;
  control.text = std::move(request.input);
  if (std::string voice = providers::ResolveVoice(status.entry, request.voice); !voice.empty()) control.voice = std::move(voice);
  if (request.speed != 1.0) control.speed = request.speed;
  control.pitch = request.pitch;
  control.volume = request.volume;
  control.language = std::move(request.language);
  control.instructions = std::move(request.instructions);
  const Stream stream{std::string(media::ContentType(request.format)), std::nullopt, id, control.voice.value_or(""), 0, 0};
  HOSTLER_CO_TRY(const auto audio, co_await house.switchboard.Control(lease.handle(), std::move(control)));
  HOSTLER_CO_TRY(const std::span<const std::int16_t> first, co_await audio->ReadSome());
  if (!request.whole) co_return co_await SendStreamed(house, stream, request.format, *audio, first, sink);
  HOSTLER_CO_TRY(media::Audio whole, co_await CollectAudio(*audio, first));
  co_return co_await SendWhole(house, stream, request.format, std::move(whole), sink);
}

Task<Result<>> Generate(House& house, GenerateRequest request, ByteSink& sink) {
  const std::string& text = std::visit([](const auto& mode) -> const std::string& { return mode.text; }, request.request);
  HOSTLER_CO_OK(CheckText(house.config, text, "text"));
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(request.model));
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await AcquireVoice(house, status));
  Result<std::unique_ptr<engines::AudioStream>> opened;
  if (auto* control = std::get_if<wire::ControlRequest>(&request.request)) {
    opened = co_await house.switchboard.Control(lease.handle(), std::move(*control));
  } else if (auto* clone = std::get_if<wire::CloneRequest>(&request.request)) {
    opened = co_await house.switchboard.Clone(lease.handle(), std::move(*clone));
  } else {
    opened = co_await house.switchboard.Design(lease.handle(), std::move(std::get<wire::DesignRequest>(request.request)));
  }
  HOSTLER_CO_TRY(const auto audio, std::move(opened));
  HOSTLER_CO_TRY(std::span<const std::int16_t> samples, co_await audio->ReadSome());
  if (request.wav) {
    HOSTLER_CO_TRY(media::Audio whole, co_await CollectAudio(*audio, samples));
    const Stream stream{"audio/wav", std::nullopt, request.model, {}, audio->sample_rate(), audio->channels()};
    co_return co_await SendWhole(house, stream, media::Format::kWav, std::move(whole), sink);
  }
  const Stream stream{"audio/pcm", std::nullopt, request.model, {}, audio->sample_rate(), audio->channels()};
  co_await sink.Begin(stream);
  while (!samples.empty()) {
    co_await sink.Write(AsBytes(samples));
    HOSTLER_CO_TRY(samples, co_await audio->ReadSome());
  }
  co_return Result<>{};
}

}  // namespace hostler::app
