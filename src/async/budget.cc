#include "async/budget.h"

#include <algorithm>

namespace hostler {

Task<Budget::Hold> Budget::Take(std::uint64_t wanted) {
  wanted = std::min(wanted, amount_);
  OneShot<Hold> granted(co_await boost::asio::this_coro::executor);
  {
    const std::lock_guard lock(mutex_);
    waiters_.push_back({wanted, granted.promise()});
  }
  Serve();
  co_return co_await granted.Wait();
}

void Budget::GiveBack(std::uint64_t amount) {
  {
    const std::lock_guard lock(mutex_);
    held_ -= amount;
  }
  Serve();
}

// A promise whose waiter has left refuses its Hold, which then comes back through GiveBack: so no lock is held while setting.
void Budget::Serve() {
  for (;;) {
    std::optional<Waiter> next;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(waiters_, [](const Waiter& waiter) { return waiter.promise.abandoned(); });
      if (waiters_.empty() || held_ + waiters_.front().wanted > amount_) return;
      next = std::move(waiters_.front());
      waiters_.pop_front();
      held_ += next->wanted;
    }
    next->promise.Set(Hold(this, next->wanted));
  }
}

}  // namespace hostler
