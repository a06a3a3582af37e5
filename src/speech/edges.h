// What speech sounds like at its edges and how loud it is: silence cut off as the samples come, and a common peak for what is
// there whole.
//
// Plain values; one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hostler::speech {

inline constexpr double kSilence = 0.01;  // of full scale: what is quieter is not spoken
inline constexpr double kPeak = 0.95;     // … what the loudest sample is brought to

// Cuts the silence at the beginning and at the end of one speech. It holds back what may be its end: at most a second.
class EdgeCutter {
 public:
  EdgeCutter(int sample_rate, int channels);

  // What of these samples, and of those held back, is within the speech; may be empty. Interleaved, whole frames.
  [[nodiscard]] std::vector<std::int16_t> Push(std::span<const std::int16_t> samples);
  // The speech is over: the last of it.
  [[nodiscard]] std::vector<std::int16_t> Finish();

 private:
  void KeepLast(std::size_t frames);

  const std::size_t channels_;
  const std::size_t margin_;  // frames of the silence that are left at each edge, so that no soft onset is cut
  const std::size_t most_;    // frames held back
  bool begun_ = false;
  std::vector<std::int16_t> held_;  // the silence that it is in
};

// One gain for all, so that the loudest sample is kPeak; silence stays as it is.
void Normalize(std::span<std::int16_t> samples);

}  // namespace hostler::speech
