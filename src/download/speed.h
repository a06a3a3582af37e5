// Bytes per second over the last few seconds.
//
// Plain value; one thread.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace hostler::download {

class Speed {
 public:
  void Note(Clock::time_point now, std::uint64_t bytes_so_far) {
    samples_.emplace_back(now, bytes_so_far);
    while (samples_.size() > 2 && now - samples_.front().first > std::chrono::seconds(5)) samples_.pop_front();
  }
  // Nullopt before it means something.
  [[nodiscard]] std::optional<double> Get() const {
    if (samples_.size() < 2) return std::nullopt;
    const double seconds = Seconds(samples_.back().first - samples_.front().first);
    if (seconds < 0.5) return std::nullopt;
    return static_cast<double>(samples_.back().second - samples_.front().second) / seconds;
  }

 private:
  std::deque<std::pair<Clock::time_point, std::uint64_t>> samples_;
};

}  // namespace hostler::download
