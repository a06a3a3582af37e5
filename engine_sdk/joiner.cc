#include "engine_sdk/joiner.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hostler::engine_sdk {
namespace {

constexpr double kLongestHeld = 1;  // s of silence; a longer one is passed on as it comes

}  // namespace

bool Joiner::Begin(int sample_rate, int channels) {
  if (sample_rate_ == 0) {
    sample_rate_ = sample_rate;
    channels_ = channels;
    fade_ = Frames(seams_.fade_s);
    heard_ = sink_.Begin(sample_rate, channels);
  } else if (sample_rate != sample_rate_ || channels != channels_) {
    problem_ = Error{Code::kInternal,
                     fmt::format("the model changed from {} Hz and {} channels to {} Hz and {} channels between two sentences",
                                 sample_rate_, channels_, sample_rate, channels),
                     "Report this to whoever made the engine."};
  }
  return heard_ && !problem_;
}

bool Joiner::Write(std::span<const std::int16_t> samples) {
  if (problem_ || !heard_) return false;
  for (std::size_t i = 0; i + static_cast<std::size_t>(channels_) <= samples.size(); i += static_cast<std::size_t>(channels_))
    Take(samples.subspan(i, static_cast<std::size_t>(channels_)));
  const std::size_t kept = std::max(fade_, std::min(quiet_, Frames(kLongestHeld)));
  if (spoken_ && held() > kept) Pass(held() - kept);
  return heard_;
}

bool Joiner::EndPiece(double pause_s) {
  if (spoken_) {
    if (quiet_ > fade_) held_.resize((held() - std::min(held(), quiet_ - fade_)) * static_cast<std::size_t>(channels_));
    const std::size_t fade = std::min(fade_, held());
    for (std::size_t i = 0; i < fade; ++i) Scale(held() - 1 - i, static_cast<double>(i) / static_cast<double>(fade));
    Pass(held());
    held_.assign(Frames(pause_s) * static_cast<std::size_t>(channels_), 0);
    passed_ = fade_;
    Pass(held());
  }
  held_.clear();
  spoken_ = false;
  quiet_ = passed_ = 0;
  return heard_;
}

void Joiner::Take(std::span<const std::int16_t> frame) {
  const double level = seams_.silence_level * 32768;
  const bool loud = std::ranges::any_of(frame, [&](std::int16_t x) { return std::abs(static_cast<double>(x)) >= level; });
  held_.insert(held_.end(), frame.begin(), frame.end());
  quiet_ = loud ? 0 : quiet_ + 1;
  spoken_ = spoken_ || loud;
  if (!spoken_ && held() > fade_) held_.erase(held_.begin(), held_.begin() + channels_);
}

void Joiner::Pass(std::size_t frames) {
  for (std::size_t i = 0; i < frames && passed_ < fade_; ++i, ++passed_)
    Scale(i, static_cast<double>(passed_) / static_cast<double>(fade_));
  const std::size_t count = frames * static_cast<std::size_t>(channels_);
  if (count > 0 && heard_) heard_ = sink_.Write({held_.data(), count});
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
}

void Joiner::Scale(std::size_t frame, double gain) {
  const std::size_t begin = frame * static_cast<std::size_t>(channels_);
  for (std::size_t i = begin; i < begin + static_cast<std::size_t>(channels_); ++i)
    held_[i] = static_cast<std::int16_t>(std::lround(held_[i] * gain));
}

std::size_t Joiner::Frames(double seconds) const {
  return static_cast<std::size_t>(std::lround(seconds * sample_rate_));
}

}  // namespace hostler::engine_sdk
