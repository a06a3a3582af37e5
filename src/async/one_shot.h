// One value on its way from any thread to one waiting coroutine.
//
//   auto [promise, future] = MakeOneShot<Result<Lease>>(co_await this_coro::executor);
//   control.Post([promise] { promise.Set(...); });
//   Result<Lease> lease = co_await future.Wait();          // throws if the waiter is cancelled
//
// A promise may be set once; later calls and calls after the waiter is gone return false. Promises copy; the last one to go away unset leaves the waiter waiting: always set.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>

#include "async/task.h"

namespace hostler {

template <class T>
class OneShot {
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  struct State {
    explicit State(Executor executor) : executor(executor), timer(executor, Clock::time_point::max()) {}
    Executor executor;
    Timer timer;  // never expires; cancelling it wakes the waiter. Touched on the waiter's loop only.
    std::mutex mutex;
    std::optional<T> value;
    bool abandoned = false;
    bool set = false;
  };

 public:
  class Promise {
   public:
    // False if nobody waits any more or it was set before.
    bool Set(T value) const {
      return SetOrKeep(value);
    }
    // As Set, but on false `value` still holds what it held.
    bool SetOrKeep(T& value) const {
      {
        const std::lock_guard lock(state_->mutex);
        if (state_->abandoned || state_->set) return false;
        state_->set = true;
        state_->value.emplace(std::move(value));
      }
      boost::asio::post(state_->executor, [state = state_] { state->timer.cancel(); });
      return true;
    }
    [[nodiscard]] bool abandoned() const {
      const std::lock_guard lock(state_->mutex);
      return state_->abandoned;
    }

   private:
    friend class OneShot;
    explicit Promise(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  explicit OneShot(Executor executor) : state_(std::make_shared<State>(executor)) {}
  OneShot(OneShot&&) noexcept = default;
  ~OneShot() {
    if (!state_) return;
    const std::lock_guard lock(state_->mutex);
    state_->abandoned = true;
  }

  [[nodiscard]] Promise promise() const { return Promise(state_); }

  // REQUIRES: on the executor's loop; once.
  [[nodiscard]] Task<T> Wait() {
    std::optional<T> value = co_await WaitUntil(Clock::time_point::max());
    co_return std::move(*value);
  }

  // As Wait(), or nullopt if the moment comes first; it may be called again then.
  [[nodiscard]] Task<std::optional<T>> WaitUntil(Clock::time_point limit) {
    state_->timer.expires_at(limit);
    for (;;) {
      if (std::optional<T> value = Take()) co_return value;
      if (limit != Clock::time_point::max() && Clock::now() >= limit) co_return std::nullopt;
      co_await state_->timer.async_wait(kAsTuple);
      // Woken by Set() or by cancellation of this coroutine; the latter shows in the coroutine's state.
      if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
        throw boost::system::system_error(boost::asio::error::operation_aborted);
      }
    }
  }

 private:
  std::optional<T> Take() {
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->value, std::nullopt);
  }

  std::shared_ptr<State> state_;
};

}  // namespace hostler
