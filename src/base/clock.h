// Time as the rest of the house names it.
//
// Threads: any.
#pragma once

#include <time.h>

#include <chrono>
#include <optional>
#include <string>

namespace hostler {

using Clock = std::chrono::steady_clock;      // for deadlines and durations
using WallClock = std::chrono::system_clock;  // for people and files

// As Clock::now(), some milliseconds behind at most and five times as cheap: for the deadlines of each request.
[[nodiscard]] inline Clock::time_point CoarseNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return Clock::time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

// Seconds since the epoch, with fraction: what the wire carries as loaded_at, last_used_at.
[[nodiscard]] inline double UnixSeconds(WallClock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

[[nodiscard]] inline double Seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// `2026-01-15 10:30:45,123` in local time: the time of a log line (spec/engines.md).
[[nodiscard]] std::string LogTime(WallClock::time_point time);

// The moment that such a text means; nullopt if it is none.
[[nodiscard]] std::optional<WallClock::time_point> ParseLogTime(const std::string& text);

// `2026-01-15T10:30:45.123Z`.
[[nodiscard]] std::string IsoTime(WallClock::time_point time);

}  // namespace hostler
