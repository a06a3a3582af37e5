// hostler-engine-whisper: hears about a hundred languages with whisper.cpp and weights in its ggml format (ggml-*.bin).
//
// Owner: main(), or a test. Threads: as engine_sdk/engine.h says.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine_sdk/engine.h"

namespace hostler::whisper {

// What a load may set.
struct Options {
  std::optional<std::string>
      vad_model;                 // a file, or a name beside the weights; default: *silero*.bin beside them, if there is one
  std::optional<int> beam_size;  // how many guesses are followed; 1 (fastest) to 8; default 5
  std::optional<int> best_of;    // how many are made where chance decides (temperature above 0); 1 to 8; default 5
};
BOOST_DESCRIBE_STRUCT(Options, (), (vad_model, beam_size, best_of))

[[nodiscard]] std::unique_ptr<engine_sdk::Engine> MakeWhisperEngine();

}  // namespace hostler::whisper
