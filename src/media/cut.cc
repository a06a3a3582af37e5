#include "media/cut.h"

#include <algorithm>
#include <cstdlib>

namespace hostler::media {
namespace {

std::int64_t Loudness(std::span<const std::int16_t> samples) {
  std::int64_t sum = 0;
  for (const std::int16_t sample : samples) sum += std::abs(static_cast<int>(sample));
  return sum;
}

}  // namespace

std::size_t CutAt(std::span<const std::int16_t> samples, std::size_t begin, std::size_t most, int sample_rate) {
  if (samples.size() - begin <= most) return samples.size();
  const auto rate = static_cast<std::size_t>(sample_rate);
  const std::size_t moment = rate / 5;
  const std::size_t step = std::max<std::size_t>(1, moment / 4);
  const std::size_t latest = begin + most;
  const std::size_t earliest = latest - std::min(most / 2, 30 * rate);
  std::size_t best = latest;
  std::int64_t quietest = -1;
  for (std::size_t at = earliest; at + moment <= latest; at += step) {
    const std::int64_t loudness = Loudness(samples.subspan(at, moment));
    if (quietest >= 0 && loudness >= quietest) continue;
    quietest = loudness;
    best = at + moment / 2;
  }
  return best;
}

}  // namespace hostler::media
