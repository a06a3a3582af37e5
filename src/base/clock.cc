#include "base/clock.h"

#include <cstdio>
#include <ctime>

#include <fmt/format.h>

namespace hostler {
namespace {

struct Broken {
  std::tm tm{};
  int milliseconds = 0;
};

Broken Break(WallClock::time_point time, bool utc) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  Broken broken;
  broken.milliseconds = static_cast<int>(ms % 1000);
  if (utc) {
    gmtime_r(&seconds, &broken.tm);
  } else {
    localtime_r(&seconds, &broken.tm);
  }
  return broken;
}

}  // namespace

std::string LogTime(WallClock::time_point time) {
  const Broken b = Break(time, false);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03}", b.tm.tm_year + 1900, b.tm.tm_mon + 1, b.tm.tm_mday,
                     b.tm.tm_hour, b.tm.tm_min, b.tm.tm_sec, b.milliseconds);
}

std::optional<WallClock::time_point> ParseLogTime(const std::string& text) {
  std::tm tm{};
  int milliseconds = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d,%3d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
                  &tm.tm_sec, &milliseconds) != 7) {
    return std::nullopt;
  }
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  tm.tm_isdst = -1;
  const std::time_t seconds = mktime(&tm);
  if (seconds == -1) return std::nullopt;
  return WallClock::from_time_t(seconds) + std::chrono::milliseconds(milliseconds);
}

std::string IsoTime(WallClock::time_point time) {
  const Broken b = Break(time, true);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", b.tm.tm_year + 1900, b.tm.tm_mon + 1, b.tm.tm_mday,
                     b.tm.tm_hour, b.tm.tm_min, b.tm.tm_sec, b.milliseconds);
}

}  // namespace hostler
