// Counts those inside, and can be shut: after Shut() nobody new gets in, and whoever leaves last learns it.
// This is what a lease holds of an instance: entering costs one atomic operation and no thread hop.
//
// Owner: the thing that is guarded. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace hostler {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // False once the gate is shut.
  [[nodiscard]] bool Enter() {
    std::uint64_t state = state_.load(std::memory_order_acquire);
    while ((state & kShut) == 0) {
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }

  enum class Left { kOpen, kShut, kShutAndEmpty };
  // REQUIRES: a successful Enter() that was not left yet.
  Left Leave() {
    const std::uint64_t before = state_.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & kShut) == 0) return Left::kOpen;
    return (before & ~kShut) == 1 ? Left::kShutAndEmpty : Left::kShut;
  }

  // Returns true if nobody was inside, so that the gate is empty for good.
  bool Shut() { return (state_.fetch_or(kShut, std::memory_order_acq_rel) & ~kShut) == 0; }

  [[nodiscard]] bool is_shut() const { return (state_.load(std::memory_order_acquire) & kShut) != 0; }
  [[nodiscard]] std::uint64_t inside() const { return state_.load(std::memory_order_acquire) & ~kShut; }

 private:
  static constexpr std::uint64_t kShut = std::uint64_t{1} << 63;
  std::atomic<std::uint64_t> state_{0};
};

}  // namespace hostler
