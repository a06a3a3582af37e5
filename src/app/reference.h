// The recording whose voice is cloned, made into what an engine hears.
//
// Threads: any loop of the house. Decoding runs on the media pool, reading on the disk's.
#pragma once

#include <optional>
#include <string>

#include "app/house.h"

namespace hostler::app {

struct Reference {
  std::string audio;                      // a whole file in any format FFmpeg reads
  bool base64 = false;                    // … as base64
  std::optional<std::string> sample;      // or the name of a recording in samples/
  std::string field;                      // how the caller's request names it, for errors
  std::optional<std::string> transcript;  // what is said in it
};

inline constexpr double kShortestReference = 0.5;  // s; nobody's voice is known from less

// WAV s16le mono at `sample_rate`, in base64. Errors at `reference.field`: kInvalid (empty, no audio, too short), kTooLarge
// (longer than speech.max_reference_s), kNotFound (no such sample).
[[nodiscard]] Task<Result<std::string>> ReadReference(House& house, Reference reference, int sample_rate);

// The same recording for samples/: a WAV as it came, another format at 24 kHz.
[[nodiscard]] Task<Result<std::string>> MakeSampleWav(House& house, std::string audio, std::string field);

}  // namespace hostler::app
