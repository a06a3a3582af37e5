// The decoder of files in memory, whole or piece by piece, and the resampler of whole recordings. Internal to the module.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "media/media.h"

namespace hostler::media::av {

[[nodiscard]] Result<Audio> Decode(std::string_view bytes, const DecodeOptions& options, const std::stop_token& stop);
[[nodiscard]] Result<std::unique_ptr<Decoder>> OpenDecoder(std::shared_ptr<const std::string> bytes, const DecodeOptions& options,
                                                           std::stop_token stop);
[[nodiscard]] Result<Audio> Resample(const Audio& audio, int sample_rate, int channels);

}  // namespace hostler::media::av
