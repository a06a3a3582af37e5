// Bandwidth as people write it, and a plan of it over the day.
//
// Plain values and functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler {

// "20M", "1.5G", "800k", "500": bytes per second, powers of 1000; "0" and "off" mean no limit, which is 0.
[[nodiscard]] Result<std::uint64_t> ParseRate(std::string_view text);

// From `from` to `to` (minutes since midnight, local time; over midnight if `to` <= `from`) at most so many bytes per second.
struct RateSpan {
  int from = 0;
  int to = 0;
  std::uint64_t bytes_per_second = 0;
  friend bool operator==(const RateSpan&, const RateSpan&) = default;
};

// "08:00-18:00=2M, 23:00-06:00=off"; the first span that holds the moment counts. Empty text: no spans.
[[nodiscard]] Result<std::vector<RateSpan>> ParseRateSchedule(std::string_view text);

// What holds at that minute of the day; `otherwise` outside of all spans.
[[nodiscard]] std::uint64_t RateAt(const std::vector<RateSpan>& spans, int minute_of_day, std::uint64_t otherwise);

}  // namespace hostler
