#include "events/ring.h"

namespace hostler::events {

void Bell::Ring() {
  std::vector<OneShot<bool>::Promise> waiters;
  {
    const std::lock_guard lock(mutex_);
    ++count_;
    waiters.swap(waiters_);
  }
  for (const auto& waiter : waiters) waiter.Set(true);
}

std::uint64_t Bell::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void Bell::Notify(std::uint64_t seen, const OneShot<bool>::Promise& promise) {
  {
    const std::lock_guard lock(mutex_);
    if (count_ == seen) {
      // Waiters that left without being rung for are swept out now and then, not at every call.
      if (waiters_.size() >= sweep_at_) {
        std::erase_if(waiters_, [](const auto& waiter) { return waiter.abandoned(); });
        sweep_at_ = std::max<std::size_t>(64, 2 * waiters_.size());
      }
      waiters_.push_back(promise);
      return;
    }
  }
  promise.Set(true);
}

}  // namespace hostler::events
