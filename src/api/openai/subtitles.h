// A transcript as SubRip and as WebVTT.
//
// Pure functions; any thread.
#pragma once

#include <string>

#include "wire/wire.h"

namespace hostler::api::openai {

[[nodiscard]] std::string ToSrt(const wire::Transcript& transcript);  // 00:00:01,500, numbered from 1
[[nodiscard]] std::string ToVtt(const wire::Transcript& transcript);  // 00:00:01.500

}  // namespace hostler::api::openai
