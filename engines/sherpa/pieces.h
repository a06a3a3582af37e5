// What of a recording is worth listening to, in pieces that a model can take at once.
//
// Pure; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <vector>

#include "engines/sherpa/library.h"

namespace hostler::sherpa {

inline constexpr int kHearingRate = 16000;   // Hz
inline constexpr double kLongestPiece = 28;  // s; whisper takes 30

struct Piece {
  std::size_t begin = 0;  // samples
  std::size_t end = 0;
  friend bool operator==(const Piece&, const Piece&) = default;
};

// All of it, cut where it is quietest, without pieces in which nothing can be heard. In order, without overlap.
[[nodiscard]] std::vector<Piece> CutByLoudness(std::span<const float> samples);

// Where silero's detector hears somebody, with a breath before and after.
[[nodiscard]] Result<std::vector<Piece>> CutBySpeech(const abi::Vad* vad, std::span<const float> samples,
                                                     const std::stop_token& stop);

}  // namespace hostler::sherpa
