// A long recording is heard in pieces of some minutes, so that what whisper.cpp makes of it (samples as floats, spectra) stays
// small. A piece is cut where it is quiet. Where silence is left out, a piece is several stretches of speech with a moment of
// silence between them, and times are led back to where they were.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hostler::whisper {

inline constexpr int kRate = 16000;  // Hz: what whisper hears

struct Stretch {
  std::size_t begin = 0;  // samples of the recording
  std::size_t end = 0;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

class Piece {
 public:
  // REQUIRES: `stretches` is not empty, in order, without overlaps.
  Piece(std::span<const std::int16_t> samples, std::vector<Stretch> stretches);

  [[nodiscard]] const std::vector<float>& samples() const { return samples_; }  // -1 to 1
  // Seconds in the piece to seconds in the recording. Between two stretches, a start moves to the next one and an end to the
  // last.
  [[nodiscard]] double Start(double seconds) const;
  [[nodiscard]] double End(double seconds) const;

 private:
  [[nodiscard]] double Map(double seconds, bool is_start) const;

  std::vector<Stretch> stretches_;
  std::vector<float> samples_;
};

}  // namespace hostler::whisper
