#include "events/ring.h"

#include <utility>

namespace hostler::events {

namespace {

constexpr std::size_t kSlice = 32;                                         // waiters between two looks at the loop's other work
constexpr Clock::duration kRestPerWaiter = std::chrono::microseconds(40);  // one costs its loop about 8: that is its share

}  // namespace

std::uint64_t Bell::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

Bell::Due Bell::Wake(Crowd& crowd) {
  Due due;
  if (crowd.waiters.empty()) return due;
  if (crowd.rounds) {
    crowd.rung = true;
    return due;
  }
  // Those that have left do not make a crowd: their loop may be gone.
  if (crowd.waiters.size() >= kCrowd) std::erase_if(crowd.waiters, [](const auto& waiter) { return waiter.abandoned(); });
  if (crowd.waiters.size() < kCrowd) {
    due.now.swap(crowd.waiters);
  } else {
    crowd.rung = crowd.rounds = due.begin_rounds = true;
  }
  return due;
}

void Bell::Do(const std::shared_ptr<Crowd>& crowd, const Due& due) {
  for (const auto& waiter : due.now) waiter.Set(true);
  if (due.begin_rounds) boost::asio::co_spawn(crowd->executor, Rounds(crowd), EndOnBug);
}

Task<> Bell::Rounds(std::shared_ptr<Crowd> crowd) {
  for (;;) {
    Promises round;
    {
      const std::lock_guard lock(crowd->mutex);
      if (!std::exchange(crowd->rung, false)) {
        crowd->rounds = false;
        co_return;
      }
      round.swap(crowd->waiters);
    }
    for (std::size_t i = 0; i < round.size(); ++i) {
      round[i].Set(true);
      if (i % kSlice == kSlice - 1) co_await boost::asio::post(crowd->executor, kAsTuple);
    }
    co_await Sleep(kRestPerWaiter * static_cast<Clock::rep>(round.size()));
  }
}

void Bell::Ring() {
  std::vector<std::shared_ptr<Crowd>> crowds;
  {
    const std::lock_guard lock(mutex_);
    ++count_;
    crowds = crowds_;
  }
  for (const auto& crowd : crowds) {
    Due due;
    {
      const std::lock_guard lock(crowd->mutex);
      due = Wake(*crowd);
    }
    Do(crowd, due);
  }
}

std::shared_ptr<Bell::Crowd> Bell::CrowdOf(Executor executor) {
  const std::lock_guard lock(mutex_);
  for (const auto& crowd : crowds_) {
    if (crowd->executor == executor) return crowd;
  }
  return crowds_.emplace_back(std::make_shared<Crowd>(executor));
}

void Bell::Notify(std::uint64_t seen, const OneShot<bool>::Promise& promise) {
  const auto crowd = CrowdOf(promise.executor());
  Due due;
  {
    const std::lock_guard lock(crowd->mutex);
    // Waiters that left without being rung for are swept out now and then, not at every call.
    if (crowd->waiters.size() >= crowd->sweep_at) {
      std::erase_if(crowd->waiters, [](const auto& waiter) { return waiter.abandoned(); });
      crowd->sweep_at = std::max<std::size_t>(64, 2 * crowd->waiters.size());
    }
    crowd->waiters.push_back(promise);
    // Rung meanwhile: in a crowd the next round is soon enough, and it finds more.
    if (count() != seen) {
      if (crowd->rounds) {
        crowd->rung = true;
      } else {
        crowd->waiters.pop_back();
        due.now.push_back(promise);
      }
    }
  }
  Do(crowd, due);
}

}  // namespace hostler::events
