// Speech to text: the use cases behind /v1/audio/transcriptions and /v1/audio/translations.
//
// Threads: any loop of the house. Decoding runs on the media pool.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/house.h"
#include "app/transcript.h"

namespace hostler::app {

struct TranscriptionRequest {
  model::ModelId model;                      // or an alias; empty: the default
  std::shared_ptr<const std::string> audio;  // a whole file in any format FFmpeg reads
  wire::TranscribeRequest options;
};

// Told each segment as soon as the model has it, with the times of the whole recording.
using OnSegment = std::function<Task<>(const wire::Segment&)>;

// Recordings of up to speech.max_recording_hours, in bounded memory. `on_segment` empty: nobody wants them one by one.
[[nodiscard]] Task<Result<wire::Transcript>> Transcribe(House& house, TranscriptionRequest request, OnSegment on_segment = {});

struct DiarizationRequest {
  model::ModelId model;         // empty: the default
  std::optional<int> speakers;  // how many there are; default: found out
};

struct SpokenTranscript {
  wire::Transcript transcript;
  std::vector<SpokenSegment> spoken;
};

// Who said what: the recording goes to two models, one after the other. It is held in memory, so it may have two hours.
[[nodiscard]] Task<Result<SpokenTranscript>> TranscribeSpeakers(House& house, TranscriptionRequest request,
                                                                DiarizationRequest diarize);

}  // namespace hostler::app
