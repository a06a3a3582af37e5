// A bounded ring of entries with ids, read by cursor. It serves logs, state changes and progress: writers never wait, a
// reader that falls behind is told how many entries it lost, and nobody is called back.
//
// Owner: the room whose news it carries. Threads: any; Wait() from a coroutine on its own loop.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "async/one_shot.h"
#include "async/task.h"

namespace hostler::events {

// Wakes coroutines that wait for "something new", many loops at a time: each on its own loop.
class Bell {
 public:
  Bell() = default;
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  // Any thread.
  void Ring();

  // Sets `promise` once Ring() was called after `seen`, an earlier value of count().
  void Notify(std::uint64_t seen, const OneShot<bool>::Promise& promise);
  [[nodiscard]] std::uint64_t count() const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t count_ = 0;
  std::vector<OneShot<bool>::Promise> waiters_;
  std::size_t sweep_at_ = 64;
};

template <class T>
class Ring {
 public:
  using Entry = std::shared_ptr<const T>;
  struct Batch {
    std::vector<std::pair<std::uint64_t, Entry>> entries;  // id, entry
    std::uint64_t next = 1;                                // cursor for the next Read
    std::uint64_t lost = 0;                                // entries between the cursor and the first one here
  };

  explicit Ring(std::size_t capacity) : capacity_(capacity) {}

  // Ids start at 1 and never repeat. Returns the id.
  std::uint64_t Append(T value) {
    auto entry = std::make_shared<const T>(std::move(value));
    std::uint64_t id = 0;
    {
      const std::lock_guard lock(mutex_);
      if (entries_.size() == capacity_) entries_.pop_front();
      entries_.push_back(std::move(entry));
      id = next_++;
    }
    bell_.Ring();
    return id;
  }

  // Everything from id `cursor` on, at most `limit` entries. Cursor 0 and 1 mean "from the oldest that is kept", without loss.
  [[nodiscard]] Batch Read(std::uint64_t cursor, std::size_t limit = SIZE_MAX) const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t oldest = next_ - entries_.size();
    Batch batch;
    std::uint64_t from = std::max(cursor, oldest);
    if (cursor > 1 && oldest > cursor) batch.lost = oldest - cursor;
    for (; from < next_ && batch.entries.size() < limit; ++from) batch.entries.emplace_back(from, entries_[from - oldest]);
    batch.next = std::max(from, cursor);
    if (batch.next > next_) batch.next = next_;  // a cursor from before a restart
    return batch;
  }

  // The cursor behind the newest entry.
  [[nodiscard]] std::uint64_t end() const {
    const std::lock_guard lock(mutex_);
    return next_;
  }

  // Forgets the entries; ids go on, so that readers' cursors stay good.
  void Clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
  }

  // Sets `promise` when something may be there with id >= cursor: look again then. One promise may wait for several rings.
  void Notify(std::uint64_t cursor, const OneShot<bool>::Promise& promise) {
    const std::uint64_t seen = bell_.count();
    if (end() > cursor)
      promise.Set(true);
    else
      bell_.Notify(seen, promise);
  }

  // Sets every promise that waits, though nothing is new: whoever waits shall look at something else.
  void Wake() { bell_.Ring(); }

  // True once an entry with id >= cursor is there (or was); false if the moment comes first.
  [[nodiscard]] Task<bool> WaitUntil(std::uint64_t cursor, Clock::time_point limit) {
    while (end() <= cursor) {
      OneShot<bool> rung(co_await boost::asio::this_coro::executor);
      Notify(cursor, rung.promise());
      if (!co_await rung.WaitUntil(limit)) co_return false;
    }
    co_return true;
  }
  [[nodiscard]] Task<> Wait(std::uint64_t cursor) { (void)co_await WaitUntil(cursor, Clock::time_point::max()); }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  std::uint64_t next_ = 1;
  Bell bell_;
};

}  // namespace hostler::events
