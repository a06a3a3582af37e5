// A WAV that came in, made into what a model hears.
//
// Pure functions; any thread. They compute: call them on a worker.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine_sdk/engine.h"

namespace hostler::engine_sdk {

// PCM s16 mono at another rate, through a windowed sinc that takes away what the new rate cannot carry.
[[nodiscard]] std::vector<std::int16_t> Resample(std::span<const std::int16_t> samples, int from, int to);

// `sample_rate` 0: as it came.
[[nodiscard]] Result<Recording> ToRecording(std::string_view wav, int sample_rate);

}  // namespace hostler::engine_sdk
