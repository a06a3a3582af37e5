// Something that happens once, for coroutines of one loop: set it, and whoever waits goes on.
//
// Owner: the thing it happens to. Threads: one loop.
#pragma once

#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>

#include "async/task.h"

namespace hostler {

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Set() {
    set_ = true;
    for (Timer* timer : waiting_) timer->cancel();
  }
  [[nodiscard]] bool is_set() const { return set_; }

  // True once it is set, false if `limit` passes first. The event must outlive the wait.
  [[nodiscard]] Task<bool> WaitFor(Clock::duration limit) {
    if (set_) co_return true;
    Timer timer(co_await boost::asio::this_coro::executor, limit);
    const Registration registration(waiting_, &timer);
    co_await timer.async_wait(kAsTuple);
    if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
      throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
    co_return set_;
  }

 private:
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  struct Registration {
    Registration(std::vector<Timer*>& list, Timer* timer) : list(list), timer(timer) { list.push_back(timer); }
    ~Registration() { std::erase(list, timer); }
    std::vector<Timer*>& list;
    Timer* timer;
  };
  bool set_ = false;
  std::vector<Timer*> waiting_;
};

}  // namespace hostler
