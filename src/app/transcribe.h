// Speech to text: the use case behind /v1/audio/transcriptions and /v1/audio/translations.
//
// Threads: any loop of the house. Decoding runs on the media pool.
#pragma once

#include <string>

#include "app/house.h"

namespace hostler::app {

struct TranscriptionRequest {
  model::ModelId model;  // or an alias; empty: the default
  std::string audio;     // a whole file in any format FFmpeg reads
  wire::TranscribeRequest options;
};

[[nodiscard]] Task<Result<wire::Transcript>> Transcribe(House& house, TranscriptionRequest request);

}  // namespace hostler::app
