// Lets so many things through at once, and then so many a second: what an engine says must not drown what others say.
//
// Owner: a coroutine. Threads: its own. Time is a parameter.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace hostler::engines {

class Bucket {
 public:
  Bucket(double burst, double per_second, Clock::time_point now)
      : burst_(burst), per_second_(per_second), level_(burst), filled_(now) {}

  [[nodiscard]] bool Take(Clock::time_point now, double amount = 1) {
    level_ = std::min(burst_, level_ + (Seconds(now - filled_) * per_second_));
    filled_ = now;
    if (level_ < amount) return false;
    level_ -= amount;
    return true;
  }

 private:
  const double burst_;
  const double per_second_;
  double level_;
  Clock::time_point filled_;
};

}  // namespace hostler::engines
