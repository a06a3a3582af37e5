// A bounded amount of something (bytes of memory, places) that requests take and give back. Who asks first is served first.
//
// Owner: whoever pays for the thing. Threads: any; Take() from a coroutine on any loop, a Hold is given back anywhere.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "async/one_shot.h"

namespace hostler {

class Budget {
 public:
  explicit Budget(std::uint64_t amount) : amount_(amount) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), amount_(other.amount_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(amount_, other.amount_);
      return *this;
    }
    ~Hold() {
      if (budget_ != nullptr) budget_->GiveBack(amount_);
    }

   private:
    friend class Budget;
    Hold(Budget* budget, std::uint64_t amount) : budget_(budget), amount_(amount) {}
    Budget* budget_ = nullptr;
    std::uint64_t amount_ = 0;
  };

  // Waits until `wanted` is free. More than there is at all is granted when nobody else holds any.
  [[nodiscard]] Task<Hold> Take(std::uint64_t wanted);

 private:
  struct Waiter {
    std::uint64_t wanted;
    OneShot<Hold>::Promise promise;
  };
  void GiveBack(std::uint64_t amount);
  void Serve();

  const std::uint64_t amount_;
  std::mutex mutex_;
  std::uint64_t held_ = 0;
  std::deque<Waiter> waiters_;
};

}  // namespace hostler
