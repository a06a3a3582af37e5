// How the library is given a model that speaks.
//
// Threads: any; loading takes as long as it takes.
#pragma once

#include <string>

#include "engines/sherpa/families.h"
#include "engines/sherpa/library.h"
#include "engines/sherpa/speaking.h"

namespace hostler::sherpa {

// Speaks with the voice of a recording.
[[nodiscard]] bool Clones(Family family);
// Its voices are vectors, of which others can be mixed.
[[nodiscard]] bool Mixes(Family family);

// The options against the family, and what the library would end the process for.
[[nodiscard]] Result<> CheckSpeaking(const Plan& plan, const SpeakingOptions& options);

// `voices`: another file of voices than the model's own, or empty.
[[nodiscard]] Result<Tts> LoadTts(const Plan& plan, const std::string& voices, int threads);

}  // namespace hostler::sherpa
