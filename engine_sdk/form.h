// A request that carries audio: multipart/form-data with the parts `request` (JSON) and `audio` (WAV).
//
// Internal to the SDK. Threads: the request's loop; the audio source runs on a worker.
#pragma once

#include "engine_sdk/service.h"

namespace hostler::engine_sdk {

struct AudioForm {
  std::string request;  // JSON
  AudioSource audio;    // empty if the part is missing
};

[[nodiscard]] bool IsForm(const http::Exchange& exchange);
[[nodiscard]] Task<Result<AudioForm>> ReadAudioForm(http::Exchange& exchange);

}  // namespace hostler::engine_sdk
