// Where a long recording is cut into pieces: at a quiet moment, so that no word is torn.
//
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hostler::media {

// Where the piece that starts at `begin` ends: after `most` samples at the latest, at the quietest moment of its last half minute
// (of its second half, if it is shorter than a minute). Mono. REQUIRES: begin <= samples.size(), most > 0.
[[nodiscard]] std::size_t CutAt(std::span<const std::int16_t> samples, std::size_t begin, std::size_t most, int sample_rate);

}  // namespace hostler::media
