// Voices mixed of others, as people write them: `af_heart(0.7)+am_adam(0.3)` (spec/voice.md section 4.2).
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::speech {

struct Share {
  std::string voice;
  double weight = 1;  // of all together; more than 0
};

// Could `text` be meant as a blend at all? Voices of some models have a plus in their own names.
[[nodiscard]] bool LooksLikeBlend(std::string_view text);
// Errors at `voice`: kInvalid, with what stands where.
[[nodiscard]] Result<std::vector<Share>> ParseBlend(std::string_view text);
[[nodiscard]] std::string FormatBlend(const std::vector<Share>& shares);

}  // namespace hostler::speech
