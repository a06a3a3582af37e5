#include "app/reference.h"

#include <fmt/format.h>

#include "base/text.h"
#include "speech/samples.h"

namespace hostler::app {
namespace {

constexpr int kSampleRate = 24000;  // Hz, of a sample that came in another format than WAV

Error At(Error error, const std::string& field) {
  error.field = field;
  return error;
}

Result<> CheckLength(double seconds, const std::string& field) {
  if (seconds >= kShortestReference) return {};
  return Fail(Error{Code::kInvalid,
                    fmt::format("the recording is {:.2f} s long, too short to know a voice from", seconds),
                    fmt::format("Send at least {} s, better 5 to 15 s.", kShortestReference),
                    field,
                    {}});
}

Result<media::Audio> Decode(media::Codecs& codecs, std::string_view audio, const media::DecodeOptions& options,
                            const std::string& field, const std::stop_token& stop) {
  if (audio.empty()) return Fail(Error{Code::kInvalid, "the recording is empty", "Send an audio file.", field, {}});
  auto decoded = codecs.Decode(audio, options, stop);
  if (!decoded) return Fail(At(std::move(decoded).error(), field));
  HOSTLER_OK(CheckLength(decoded->seconds(), field));
  return decoded;
}

// Decoding takes a place, as transcriptions do, and ends when nobody waits for it any more.
template <class Job>
Task<std::invoke_result_t<Job, std::stop_token>> Decoding(House& house, Job job) {
  std::stop_source stop;
  struct StopOnExit {
    std::stop_source& source;
    ~StopOnExit() { source.request_stop(); }
  } const stop_on_exit{stop};
  const Budget::Hold place = co_await house.decoding.Take(1);
  co_return co_await house.media_pool.Run([job = std::move(job), token = stop.get_token()] { return job(token); });
}

Task<Result<std::string>> ReadSample(House& house, std::string name, std::string field) {
  const std::uint64_t limit = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  auto read = co_await house.disk_pool.Run([samples = &house.samples, name = std::move(name), limit]() -> Result<std::string> {
    HOSTLER_TRY(const speech::Sample sample, samples->Find(name));
    return samples->Read(sample, limit);
  });
  if (!read) co_return Fail(At(std::move(read).error(), field));
  co_return read;
}

}  // namespace

Task<Result<std::string>> ReadReference(House& house, Reference reference, int sample_rate) {
  if (reference.sample) {
    HOSTLER_CO_TRY(reference.audio, co_await ReadSample(house, *reference.sample, reference.field));
  }
  const media::DecodeOptions options{.sample_rate = sample_rate, .channels = 1, .max_seconds = house.config.max_reference_s};
  auto job = [&codecs = house.codecs, options,
              reference = std::move(reference)](const std::stop_token& stop) -> Result<std::string> {
    std::optional<std::string> bytes;
    if (reference.base64 && !(bytes = Base64Decode(reference.audio)))
      return Fail(Error{Code::kInvalid, "this is not base64", "Send an audio file, encoded as base64.", reference.field, {}});
    HOSTLER_TRY(const media::Audio audio, Decode(codecs, bytes ? *bytes : reference.audio, options, reference.field, stop));
    return Base64Encode(media::ToWav(audio));
  };
  co_return co_await Decoding(house, std::move(job));
}

Task<Result<std::string>> MakeSampleWav(House& house, std::string audio, std::string field) {
  const media::DecodeOptions options{.sample_rate = kSampleRate, .channels = 1, .max_seconds = house.config.max_reference_s};
  auto job = [&codecs = house.codecs, options, audio = std::move(audio),
              field = std::move(field)](const std::stop_token& stop) -> Result<std::string> {
    HOSTLER_TRY(const media::Audio decoded, Decode(codecs, audio, options, field, stop));
    return media::FromWav(audio) ? audio : media::ToWav(decoded);
  };
  co_return co_await Decoding(house, std::move(job));
}

}  // namespace hostler::app
