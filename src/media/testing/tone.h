// Sounds for tests, and what is in a sound.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "media/media.h"

namespace hostler::media {

// A sine of amplitude 12000; channel c sounds at frequency * (c + 1).
inline Audio Tone(int sample_rate, double seconds, int channels = 1, double frequency = 440) {
  Audio audio{.sample_rate = sample_rate, .channels = channels, .samples = {}};
  const auto frames = static_cast<std::size_t>(std::llround(seconds * sample_rate));
  for (std::size_t i = 0; i < frames; ++i) {
    for (int c = 0; c < channels; ++c) {
      const double phase = 2 * std::numbers::pi * frequency * (c + 1) * static_cast<double>(i) / sample_rate;
      audio.samples.push_back(static_cast<std::int16_t>(std::lround(12000 * std::sin(phase))));
    }
  }
  return audio;
}

// Amplitude of one frequency in one channel (Goertzel's question, asked plainly), over the middle half of the sound.
inline double AmplitudeAt(const Audio& audio, double frequency, int channel = 0) {
  const auto channels = static_cast<std::size_t>(audio.channels);
  const std::size_t frames = audio.samples.size() / channels;
  double real = 0;
  double imaginary = 0;
  for (std::size_t i = frames / 4; i < frames / 4 * 3; ++i) {
    const double phase = 2 * std::numbers::pi * frequency * static_cast<double>(i) / audio.sample_rate;
    const double sample = audio.samples[i * channels + static_cast<std::size_t>(channel)];
    real += sample * std::cos(phase);
    imaginary += sample * std::sin(phase);
  }
  return 2 * std::hypot(real, imaginary) / static_cast<double>(std::max<std::size_t>(1, frames / 2));
}

}  // namespace hostler::media
