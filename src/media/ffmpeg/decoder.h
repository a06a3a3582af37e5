// The decoder of whole files in memory, and the resampler of whole recordings. Internal to the module.
#pragma once

#include <stop_token>
#include <string_view>

#include "media/media.h"

namespace hostler::media::av {

[[nodiscard]] Result<Audio> Decode(std::string_view bytes, const DecodeOptions& options, const std::stop_token& stop);
[[nodiscard]] Result<Audio> Resample(const Audio& audio, int sample_rate, int channels);

}  // namespace hostler::media::av
