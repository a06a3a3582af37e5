#include "speech/edges.h"

#include <algorithm>
#include <cmath>

namespace hostler::speech {
namespace {

constexpr double kFullScale = 32768;
constexpr double kMargin = 0.005;  // s
constexpr double kMostHeld = 1;    // s

}  // namespace

EdgeCutter::EdgeCutter(int sample_rate, int channels)
    : channels_(static_cast<std::size_t>(channels)),
      margin_(static_cast<std::size_t>(kMargin * sample_rate)),
      most_(static_cast<std::size_t>(kMostHeld * sample_rate)) {}

std::vector<std::int16_t> EdgeCutter::Push(std::span<const std::int16_t> samples) {
  std::vector<std::int16_t> speech;
  for (; samples.size() >= channels_; samples = samples.subspan(channels_)) {
    const auto frame = samples.first(channels_);
    held_.insert(held_.end(), frame.begin(), frame.end());
    const bool loud = std::ranges::any_of(frame, [](std::int16_t x) { return std::abs(x / kFullScale) >= kSilence; });
    if (!loud) continue;
    if (!begun_) KeepLast(margin_ + 1);
    begun_ = true;
    speech.insert(speech.end(), held_.begin(), held_.end());
    held_.clear();
  }
  if (!begun_) {
    KeepLast(margin_);
  } else if (held_.size() > most_ * channels_) {  // a pause, it seems
    const auto end = held_.end() - static_cast<std::ptrdiff_t>(most_ * channels_);
    speech.insert(speech.end(), held_.begin(), end);
    held_.erase(held_.begin(), end);
  }
  return speech;
}

void EdgeCutter::KeepLast(std::size_t frames) {
  if (held_.size() > frames * channels_)
    held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(frames * channels_));
}

std::vector<std::int16_t> EdgeCutter::Finish() {
  if (!begun_) return {};
  held_.resize(std::min(held_.size(), margin_ * channels_));
  return std::move(held_);
}

void Normalize(std::span<std::int16_t> samples) {
  double peak = 0;
  for (const std::int16_t x : samples) peak = std::max(peak, std::abs(static_cast<double>(x)));
  if (peak == 0) return;
  const double gain = kPeak * (kFullScale - 1) / peak;
  for (std::int16_t& x : samples) x = static_cast<std::int16_t>(std::lround(x * gain));
}

}  // namespace hostler::speech
