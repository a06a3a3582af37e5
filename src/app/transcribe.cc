#include "app/transcribe.h"

#include <fmt/format.h>

#include "providers/providers.h"

namespace hostler::app {

Task<Result<wire::Transcript>> Transcribe(House& house, TranscriptionRequest request) {
  if (request.audio.empty()) co_return Fail(Error{Code::kInvalid, "the file is empty", "Send an audio file.", "file", {}});
  const model::ModelId id =
      providers::ResolveAlias(house.config, request.model.empty() ? house.config.default_stt : request.model);
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await house.lifecycle.Acquire(id));
  const int rate = lease->capabilities.input_sample_rate;
  if (!lease->capabilities.transcribe || rate <= 0) {
    co_return Fail(Error{Code::kUnsupported,
                         fmt::format("the model \"{}\" does not transcribe", id),
                         "Choose a model of type stt: `hostler models --type stt`.",
                         "model",
                         {}});
  }
  // The job owns the file and a stop token: a client that leaves ends the decoding at its next packet.
  std::stop_source stop;
  struct StopOnExit {
    std::stop_source& source;
    ~StopOnExit() { source.request_stop(); }
  } const stop_on_exit{stop};
  auto decode = [&codecs = house.codecs, audio = std::move(request.audio), rate,
                 token = stop.get_token()]() -> Result<std::string> {
    auto decoded = codecs.Decode(audio, {.sample_rate = rate, .channels = 1}, token);
    if (!decoded) {
      Error error = std::move(decoded.error());
      if (error.field.empty()) error.field = "file";
      return std::unexpected(std::move(error));
    }
    return media::ToWav(*decoded);
  };
  HOSTLER_CO_TRY(std::string wav, co_await house.media_pool.Run(std::move(decode)));
  co_return co_await house.switchboard.Transcribe(lease.handle(), std::move(request.options), std::move(wav));
}

}  // namespace hostler::app
