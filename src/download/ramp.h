// How many connections are worth having: doubled as long as that makes it a good deal faster, else taken back for a while.
//
// Pure policy; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace hostler::download {

class Ramp {
 public:
  [[nodiscard]] std::size_t connections() const { return connections_; }

  // Often, with all bytes received so far. `saturated`: all these connections were in use. At most `most`.
  void Look(Clock::time_point now, std::uint64_t bytes_so_far, bool saturated, std::size_t most) {
    most = std::max<std::size_t>(most, 1);
    if (connections_ > most) Choose(most, now, bytes_so_far);
    if (!saturated || since_ == Clock::time_point{}) return Begin(now, bytes_so_far);
    if (now - since_ < kPeriod) return;
    const double rate = static_cast<double>(bytes_so_far - bytes_) / Seconds(now - since_);
    if (trying_) {
      trying_ = false;
      if (rate < before_ * kWorthIt) {
        hold_until_ = now + kHold;
        return Choose(fewer_, now, bytes_so_far);
      }
    }
    if (connections_ < most && now >= hold_until_) {
      trying_ = true;
      before_ = rate;
      fewer_ = connections_;
      return Choose(std::min(connections_ * 2, most), now, bytes_so_far);
    }
    Begin(now, bytes_so_far);
  }

 private:
  static constexpr auto kPeriod = std::chrono::milliseconds(1000);
  static constexpr auto kHold = std::chrono::seconds(20);
  static constexpr double kWorthIt = 1.15;

  void Begin(Clock::time_point now, std::uint64_t bytes) {
    since_ = now;
    bytes_ = bytes;
  }
  void Choose(std::size_t connections, Clock::time_point now, std::uint64_t bytes) {
    connections_ = std::max<std::size_t>(connections, 1);
    Begin(now, bytes);
  }

  std::size_t connections_ = 1;
  bool trying_ = false;
  double before_ = 0;  // rate before the last doubling
  std::size_t fewer_ = 1;
  Clock::time_point hold_until_{};
  Clock::time_point since_{};
  std::uint64_t bytes_ = 0;
};

}  // namespace hostler::download
