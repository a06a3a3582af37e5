// One value on its way from any thread to one waiting coroutine.
//
//   OneShot<Result<Lease>> answer(co_await this_coro::executor);
//   control.Post([promise = answer.promise()] { promise.Set(...); });
//   Result<Lease> lease = co_await answer.Wait();          // throws if the waiter is cancelled
//
// A promise may be set once; later calls, and calls after the waiter is gone, return false. Promises copy and may outlive
// the waiter and its loop; if none is ever set the waiter waits for ever: always set.
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
  // What promises hold. The timer belongs to the waiter, so that nothing of a loop is left in here when that loop is gone.
  struct State {
    explicit State(Executor executor) : executor(executor) {}
    const Executor executor;
    std::mutex mutex;
    std::optional<T> value;
    Timer* timer = nullptr;  // cancelling it wakes the waiter; null once the waiter is gone. Touched on its loop only.
    bool abandoned = false;
    bool set = false;
  };

 public:
  class Promise {
   public:
    // False if nobody waits any more or it was set before.
    bool Set(T value) const { return SetOrKeep(value); }
    // As Set, but on false `value` still holds what it held.
    bool SetOrKeep(T& value) const {
      // Posted under the lock: the loop cannot go away before its waiters have, and they have to pass here.
      const std::lock_guard lock(state_->mutex);
      if (state_->abandoned || state_->set) return false;
      state_->set = true;
      state_->value.emplace(std::move(value));
      boost::asio::post(state_->executor, [state = state_] {
        if (state->timer != nullptr) state->timer->cancel();
      });
      return true;
    }
    [[nodiscard]] Executor executor() const { return state_->executor; }  // of the loop that waits
    [[nodiscard]] bool abandoned() const {
      const std::lock_guard lock(state_->mutex);
      return state_->abandoned;
    }

   private:
    friend class OneShot;
    explicit Promise(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  explicit OneShot(Executor executor) : state_(std::make_shared<State>(executor)), timer_(executor) { state_->timer = &timer_; }
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;
  // REQUIRES: on the executor's loop, or after that has stopped for good.
  ~OneShot() {
    state_->timer = nullptr;
    std::optional<T> unclaimed;  // goes away here, outside the lock: a lease, say, is given back at once
    const std::lock_guard lock(state_->mutex);
    state_->abandoned = true;
    unclaimed.swap(state_->value);
  }

  [[nodiscard]] Promise promise() const { return Promise(state_); }

  // REQUIRES: on the executor's loop; once.
  [[nodiscard]] Task<T> Wait() {
    std::optional<T> value = co_await WaitUntil(Clock::time_point::max());
    co_return std::move(*value);
  }

  // As Wait(), or nullopt if the moment comes first; it may be called again then.
  [[nodiscard]] Task<std::optional<T>> WaitUntil(Clock::time_point limit) {
    timer_.expires_at(limit);
    for (;;) {
      if (std::optional<T> value = Take()) co_return value;
      if (limit != Clock::time_point::max() && Clock::now() >= limit) co_return std::nullopt;
      co_await timer_.async_wait(kAsTuple);
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

  const std::shared_ptr<State> state_;
  Timer timer_;
};

}  // namespace hostler
