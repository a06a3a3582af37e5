// The streaming encoder. Internal to the module.
#pragma once

#include <memory>

#include "media/media.h"

namespace hostler::media::av {

// Every format but kWav.
[[nodiscard]] Result<std::unique_ptr<Encoder>> MakeEncoder(const EncoderOptions& options);

}  // namespace hostler::media::av
