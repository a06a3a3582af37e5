// Where the transport's thread leaves what came and a reader on its loop fetches it. Internal to this room.
//
// Owner: the Answer and the transfer together. Threads: OnX on the transport's, Take() on the reader's.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "async/one_shot.h"
#include "outbound/transport.h"

namespace hostler::outbound {

class Inbox final : public Receiver {
 public:
  Inbox(std::size_t window, OneShot<Outcome<Head>>::Promise head) : window_(window), head_(std::move(head)) {}

  void OnHead(Head head) override {
    has_head_ = true;
    head_.Set(std::move(head));
  }
  bool OnBody(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= window_) {
      full_ = true;
      return false;
    }
    if (waiting_.capacity() < std::min(window_, kGathered)) waiting_.reserve(std::min(window_, kGathered));
    waiting_ += bytes;
    return true;
  }
  bool OnRound() override {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty() || !reader_) return false;
      if (waiting_.size() < std::min(window_, kGathered)) return true;
    }
    OnLull();
    return false;
  }
  void OnLull() override {
    std::optional<OneShot<bool>::Promise> reader;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty() && !ended_) return;
      reader.swap(reader_);
    }
    if (reader) reader->Set(true);
  }
  void OnEnd(std::optional<Failure> failure) override {
    if (!has_head_) {
      {
        const std::lock_guard lock(mutex_);
        ended_ = true;
      }
      head_.Set(std::unexpected(failure ? std::move(*failure) : Failure{}));
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      failure_ = std::move(failure);
    }
    OnLull();
  }

  // What is there, or nullopt: `ready` is told when it is worth asking again. What came before a failure is given first.
  [[nodiscard]] std::optional<Outcome<std::string>> Take(std::size_t most, OneShot<bool>::Promise ready, bool& resume) {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) {
      resume = std::exchange(full_, false);
      if (waiting_.size() <= most) return std::exchange(waiting_, {});
      std::string piece = waiting_.substr(0, most);
      waiting_.erase(0, most);
      return piece;
    }
    if (failure_) return std::unexpected(*failure_);
    if (ended_) return std::string();
    reader_.emplace(std::move(ready));
    return std::nullopt;
  }
  [[nodiscard]] bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  static constexpr std::size_t kGathered = 256 << 10;  // enough to wake the reader at once

  const std::size_t window_;
  const OneShot<Outcome<Head>>::Promise head_;
  bool has_head_ = false;  // the transport's thread only
  mutable std::mutex mutex_;
  std::string waiting_;
  bool full_ = false;
  bool ended_ = false;
  std::optional<Failure> failure_;
  std::optional<OneShot<bool>::Promise> reader_;
};

}  // namespace hostler::outbound
