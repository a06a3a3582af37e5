// What all downloads share: bandwidth, connections, memory. Internal to this room.
//
// Owner: Governor and whoever holds a Share. Threads: any; Pay() from a coroutine on any loop.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "async/one_shot.h"
#include "download/download.h"

namespace hostler::download {

struct Governor::State {
  explicit State(Options given) : options(std::move(given)) {}

  [[nodiscard]] std::uint64_t Limit() const;  // REQUIRES: mutex
  void Refill(Clock::time_point now);         // REQUIRES: mutex

  Options options;
  std::mutex mutex;
  double tokens = 0;  // bytes that may come at once; below 0: bytes that came too early
  Clock::time_point filled = Clock::now();
  std::vector<OneShot<bool>::Promise> payers;  // told when the limit changes; one per connection at most
  std::size_t connections = 0;
  std::size_t memory = 0;
};

// A connection and the memory for what comes over it; given back when it goes.
class Share {
 public:
  Share() = default;
  Share(Share&& other) noexcept
      : state_(std::move(other.state_)),
        memory_(std::exchange(other.memory_, 0)),
        connected_(std::exchange(other.connected_, false)) {}
  Share& operator=(Share&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(memory_, other.memory_);
    std::swap(connected_, other.connected_);
    return *this;
  }
  ~Share();
  // False if there is not enough; `anyway` takes it all the same, so that nobody waits for ever for others.
  [[nodiscard]] bool Take(const std::shared_ptr<Governor::State>& state, std::size_t memory, bool anyway);
  [[nodiscard]] bool held() const { return state_ != nullptr; }
  // The connection is over; what came over it still takes memory.
  void GiveConnection();
  [[nodiscard]] bool Reconnect(bool anyway);

 private:
  std::shared_ptr<Governor::State> state_;
  std::size_t memory_ = 0;
  bool connected_ = false;
};

// Waits until these bytes, which have come already, fit into the limit. Not reading meanwhile is what slows the peer down.
[[nodiscard]] Task<> Pay(std::shared_ptr<Governor::State> state, std::uint64_t bytes);

}  // namespace hostler::download
