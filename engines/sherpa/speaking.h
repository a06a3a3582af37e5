// Models that speak.
//
// Threads: as engine_sdk::Model says; one call at a time.
#pragma once

#include <memory>

#include "base/json.h"
#include "engine_sdk/engine.h"
#include "engines/sherpa/families.h"

namespace hostler::sherpa {

struct SpeakingOptions {
  std::optional<bool> int8;  // of a graph that is there in both precisions, the small one; default: true
  std::optional<int> steps;  // of models that make sound in steps (pocket-tts, zipvoice, supertonic): 1 to 100
  std::optional<int> seed;   // of those: the same text always sounds the same
};
BOOST_DESCRIBE_STRUCT(SpeakingOptions, (), (int8, steps, seed))

[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> LoadSpeaking(Plan plan, const SpeakingOptions& options,
                                                                      const engine_sdk::LoadContext& context);

}  // namespace hostler::sherpa
