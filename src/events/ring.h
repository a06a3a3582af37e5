// A bounded ring of entries with ids, read by cursor. It serves logs, state changes and progress: writers never wait, a
// reader that falls behind is told how many entries it lost, and nobody is called back.
//
// Owner: the room whose news it carries. Threads: any; Wait() from a coroutine on its own loop.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/one_shot.h"
#include "async/task.h"

namespace hostler::events {

// Wakes coroutines that wait for "something new", many loops at a time: each on its own loop.
//
// Few waiters of a loop are woken at once, by whoever rings. A crowd is woken by its own loop, in rounds: one message to the
// loop however often the bell rings meanwhile, a few waiters at a time so that other work comes in between, and after each
// round a rest in proportion to the crowd. So a crowd costs its loop a bounded share, and waits for at most a few hundred
// milliseconds longer the larger it is; what rang meanwhile it finds together.
class Bell {
 public:
  Bell() = default;
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  static constexpr std::size_t kCrowd = 16;  // waiters of one loop; fewer are woken directly

  // Any thread.
  void Ring();

  // Sets `promise` once Ring() was called after `seen`, an earlier value of count().
  void Notify(std::uint64_t seen, const OneShot<bool>::Promise& promise);
  [[nodiscard]] std::uint64_t count() const;

 private:
  using Promises = std::vector<OneShot<bool>::Promise>;
  // The waiters of one loop. Shared with the rounds that run there, which may outlive the bell.
  struct Crowd {
    explicit Crowd(Executor executor) : executor(executor) {}
    const Executor executor;
    std::mutex mutex;  // guards the rest
    Promises waiters;
    std::size_t sweep_at = 64;
    bool rung = false;    // for those who wait now
    bool rounds = false;  // Rounds() runs on the loop
  };

  // What whoever holds a crowd's mutex has to do once it is free.
  struct Due {
    Promises now;
    bool begin_rounds = false;
  };
  static Due Wake(Crowd& crowd);  // REQUIRES: crowd.mutex
  static void Do(const std::shared_ptr<Crowd>& crowd, const Due& due);
  static Task<> Rounds(std::shared_ptr<Crowd> crowd);
  std::shared_ptr<Crowd> CrowdOf(Executor executor);

  mutable std::mutex mutex_;
  std::uint64_t count_ = 0;
  std::vector<std::shared_ptr<Crowd>> crowds_;  // one per loop that ever waited here
};

template <class T>
class Ring {
 public:
  using Entry = std::shared_ptr<const T>;
  // What a reader made of an entry, kept beside it for the next reader: a line that thousands follow is formatted once.
  using Text = std::shared_ptr<const std::string>;
  struct Item {
    std::uint64_t id = 0;
    Entry entry;
    Text text;  // null: nobody has kept one, or it is older than kTexts entries
  };
  struct Batch {
    std::vector<Item> entries;
    std::uint64_t next = 1;  // cursor for the next Read
    std::uint64_t lost = 0;  // entries between the cursor and the first one here
  };
  static constexpr std::size_t kTexts = 1000;  // of so many of the newest entries; bounds the memory

  explicit Ring(std::size_t capacity) : capacity_(capacity) {}

  // Ids start at 1 and never repeat. Returns the id.
  std::uint64_t Append(T value) {
    auto entry = std::make_shared<const T>(std::move(value));
    std::uint64_t id = 0;
    {
      const std::lock_guard lock(mutex_);
      if (entries_.size() == capacity_) entries_.pop_front();
      entries_.push_back({std::move(entry), nullptr});
      if (entries_.size() > kTexts) entries_[entries_.size() - 1 - kTexts].text.reset();
      id = next_++;
    }
    bell_.Ring();
    return id;
  }

  // Everything from id `cursor` on, at most `limit` entries. Cursor 0 means "from the oldest that is kept", without loss.
  [[nodiscard]] Batch Read(std::uint64_t cursor, std::size_t limit = SIZE_MAX) const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t oldest = next_ - entries_.size();
    Batch batch;
    std::uint64_t from = std::max(cursor, oldest);
    if (cursor > 0 && oldest > cursor) batch.lost = oldest - cursor;
    for (; from < next_ && batch.entries.size() < limit; ++from) {
      const Kept& kept = entries_[from - oldest];
      batch.entries.push_back({from, kept.entry, kept.text});
    }
    batch.next = std::max(from, cursor);
    if (batch.next > next_) batch.next = next_;  // a cursor from before a restart
    return batch;
  }

  // Keeps a reader's text beside its entry, if that is still among the newest. REQUIRES: all readers make the same of it.
  void Keep(std::uint64_t id, Text text) {
    const std::lock_guard lock(mutex_);
    if (id >= next_ || next_ - id > std::min(entries_.size(), kTexts)) return;
    entries_[entries_.size() - (next_ - id)].text.swap(text);
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
    bell_.Notify(end() > cursor ? seen - 1 : seen, promise);
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
  struct Kept {
    Entry entry;
    Text text;
  };

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Kept> entries_;
  std::uint64_t next_ = 1;
  Bell bell_;
};

}  // namespace hostler::events
