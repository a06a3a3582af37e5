// WAV, read without copying, and written as it comes. Internal to this room.
//
// Threads: any.
#pragma once

#include <memory>
#include <string_view>

#include "media/media.h"

namespace hostler::media {

struct WavView {
  int sample_rate = 0;
  int channels = 0;
  std::string_view data;  // s16le, whole frames; part of the bytes that were parsed
};
// As FromWav, but copies nothing.
[[nodiscard]] Result<WavView> ParseWav(std::string_view bytes);
[[nodiscard]] Audio Copy(const WavView& view);

// Host order is little-endian everywhere hostler runs (asserted in wav.cc).
[[nodiscard]] std::string_view BytesOf(std::span<const std::int16_t> samples);

// kWav at any rate.
[[nodiscard]] std::unique_ptr<Encoder> MakeWavEncoder(const EncoderOptions& options);
// kPcm; REQUIRES: the samples are 24 kHz mono already.
[[nodiscard]] std::unique_ptr<Encoder> MakePlainPcmEncoder();

}  // namespace hostler::media
