#include "engines/whisper/pieces.h"

#include <algorithm>

namespace hostler::whisper {
namespace {

constexpr std::size_t kSilence = kRate / 10;  // between stretches

}  // namespace

Piece::Piece(std::span<const std::int16_t> samples, std::vector<Stretch> stretches) : stretches_(std::move(stretches)) {
  std::size_t total = kSilence * (stretches_.size() - 1);
  for (const Stretch& stretch : stretches_) total += stretch.end - stretch.begin;
  samples_.reserve(total);
  for (const Stretch& stretch : stretches_) {
    if (!samples_.empty()) samples_.resize(samples_.size() + kSilence);
    for (const std::int16_t sample : samples.subspan(stretch.begin, stretch.end - stretch.begin))
      samples_.push_back(static_cast<float>(sample) / 32768.0F);
  }
}

double Piece::Start(double seconds) const {
  return Map(seconds, true);
}
double Piece::End(double seconds) const {
  return Map(seconds, false);
}

double Piece::Map(double seconds, bool is_start) const {
  double at = std::max(0.0, seconds) * kRate;
  for (std::size_t i = 0; i < stretches_.size(); ++i) {
    const auto length = static_cast<double>(stretches_[i].end - stretches_[i].begin);
    const bool last = i + 1 == stretches_.size();
    if (at < length || last || (!is_start && at <= length + kSilence))
      return (static_cast<double>(stretches_[i].begin) + std::min(at, length)) / kRate;
    at = std::max(0.0, at - length - kSilence);
  }
  return 0;
}

}  // namespace hostler::whisper
