#include "app/transcribe.h"

#include <fmt/format.h>

#include "providers/providers.h"

namespace hostler::app {
namespace {

constexpr double kLongest = 2 * 3600;  // seconds of a recording

Error DoesNotTranscribe(const model::ModelId& id) {
  return Error{Code::kUnsupported,
               fmt::format("the model \"{}\" does not transcribe", id),
               "Choose a model of type stt: `hostler models --type stt`.",
               "model",
               {}};
}

}  // namespace

Task<Result<wire::Transcript>> Transcribe(House& house, TranscriptionRequest request) {
  if (request.audio.empty()) co_return Fail(Error{Code::kInvalid, "the file is empty", "Send an audio file.", "file", {}});
  const model::ModelId id =
      providers::ResolveAlias(house.config, request.model.empty() ? house.config.default_stt : request.model);
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (status.entry.type != model::ModelType::kStt) co_return Fail(DoesNotTranscribe(id));  // before anything is loaded for it
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await house.lifecycle.Acquire(id));
  const int rate = lease->capabilities.input_sample_rate;
  if (!lease->capabilities.transcribe || rate <= 0) {
    co_return Fail(DoesNotTranscribe(id));
  }
  // The job owns the file and a stop token: a client that leaves ends the decoding at its next packet.
  std::stop_source stop;
  struct StopOnExit {
    std::stop_source& source;
    ~StopOnExit() { source.request_stop(); }
  } const stop_on_exit{stop};
  auto decode = [&codecs = house.codecs, audio = std::move(request.audio), rate,
                 token = stop.get_token()]() -> Result<std::string> {
    const media::DecodeOptions options{.sample_rate = rate, .channels = 1, .max_seconds = kLongest};
    auto decoded = codecs.Decode(audio, options, token);
    if (!decoded) {
      Error error = std::move(decoded.error());
      if (error.field.empty()) error.field = "file";
      return std::unexpected(std::move(error));
    }
    return media::ToWav(*decoded);
  };
  // A small file can hold hours of silence. So decoding takes a place, and its result a share of a fixed amount of memory;
  // the place is given back only when the share is there.
  Budget::Hold place = co_await house.decoding.Take(1);
  HOSTLER_CO_TRY(std::string wav, co_await house.media_pool.Run(std::move(decode)));
  const Budget::Hold share = co_await house.recordings.Take(wav.size());
  place = Budget::Hold();
  co_return co_await house.switchboard.Transcribe(lease.handle(), std::move(request.options), std::move(wav));
}

}  // namespace hostler::app
