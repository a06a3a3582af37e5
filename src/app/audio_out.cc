#include "app/audio_out.h"

#include <fmt/format.h>

namespace hostler::app {
namespace {

// Of audio that is collected whole: bytes. Longer is for streams.
constexpr std::size_t kLongestWhole = 256 << 20;

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

Task<Result<media::Audio>> Collect(Voicing& voicing) {
  media::Audio whole{voicing.sample_rate(), voicing.channels(), {}};
  for (;;) {
    HOSTLER_CO_TRY(const std::span<const std::int16_t> samples, co_await voicing.ReadSome());
    if (samples.empty()) co_return whole;
    whole.samples.insert(whole.samples.end(), samples.begin(), samples.end());
    if (whole.samples.size() * sizeof(std::int16_t) > kLongestWhole) {
      co_return Fail(Error{Code::kTooLarge,
                           fmt::format("the speech is longer than {:.0f} minutes and was asked for whole", whole.seconds() / 60),
                           "Ask for it as a stream, or in parts.",
                           {},
                           {}});
    }
  }
}

}  // namespace

Task<Result<>> SendWhole(House& house, Stream stream, media::Format format, Voicing& voicing, bool normalize, ByteSink& sink) {
  HOSTLER_CO_TRY(media::Audio audio, co_await Collect(voicing));
  const media::EncoderOptions options{format, audio.sample_rate, audio.channels,
                                      audio.samples.size() / static_cast<std::size_t>(audio.channels)};
  auto encode = [&codecs = house.codecs, options, normalize, audio = std::move(audio)]() mutable -> Result<std::string> {
    if (normalize) speech::Normalize(audio.samples);
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

Task<Result<>> SendStreamed(House& house, Stream stream, media::Format format, Voicing& voicing, ByteSink& sink) {
  HOSTLER_CO_TRY(std::span<const std::int16_t> samples, co_await voicing.ReadSome());
  HOSTLER_CO_TRY(Encoding encoding,
                 co_await Encoding::Make(house, {format, voicing.sample_rate(), voicing.channels(), std::nullopt}));
  bool begun = false;
  while (!samples.empty()) {
    HOSTLER_CO_TRY(const std::string bytes, co_await encoding.Push(samples));
    if (!begun) co_await sink.Begin(stream);
    begun = true;
    if (!bytes.empty()) co_await sink.Write(bytes);
    HOSTLER_CO_TRY(samples, co_await voicing.ReadSome());
  }
  HOSTLER_CO_TRY(const std::string rest, co_await encoding.Finish());
  if (!begun) co_await sink.Begin(stream);
  if (!rest.empty()) co_await sink.Write(rest);
  co_return Result<>{};
}

}  // namespace hostler::app
