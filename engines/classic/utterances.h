// Where somebody speaks in a recording, by the voice activity detection of pocketsphinx's front end.
//
// Threads: any; each call has a front end of its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hostler::classic {

inline constexpr int kHearingRate = 16000;  // Hz

struct Utterance {
  std::size_t begin = 0;  // samples
  std::size_t end = 0;
};

// In order, without overlap, each at most 15 s long: longer speech is cut where it is quietest.
[[nodiscard]] std::vector<Utterance> FindUtterances(std::span<const std::int16_t> samples);

}  // namespace hostler::classic
