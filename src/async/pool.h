// A few threads for work that blocks: codecs, hashing, directory scans. Never for waiting on a peer.
//
// Owner: hostlerd. Threads: Run() from a coroutine on any loop; the result comes back on that loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <expected>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "async/one_shot.h"
#include "async/task.h"

namespace hostler {

class Pool {
 public:
  Pool(std::string name, std::size_t threads);
  ~Pool();  // finishes what was submitted
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `work` on a pool thread; what it throws (out of memory, say) is thrown to the waiter. Cancelling the waiter leaves
  // the work running to its end: it must own what it touches. One job per waiting coroutine, so the queue is bounded by the
  // number of requests.
  template <class F>
  Task<std::invoke_result_t<F>> Run(F work) {
    using T = std::invoke_result_t<F>;
    using Outcome = std::expected<T, std::exception_ptr>;
    OneShot<Outcome> result(co_await boost::asio::this_coro::executor);
    Submit([promise = result.promise(), work = std::move(work)]() mutable {
      std::optional<Outcome> outcome;
      try {
        outcome.emplace(work());
      } catch (...) {
        outcome.emplace(std::unexpected(std::current_exception()));
      }
      promise.Set(std::move(*outcome));
    });
    Outcome outcome = co_await result.Wait();
    if (!outcome) std::rethrow_exception(outcome.error());
    co_return std::move(*outcome);
  }

  // Fire and forget. REQUIRES: `job` does not throw.
  void Submit(std::move_only_function<void()> job);

 private:
  void Work();
  bool HaveThread();  // REQUIRES: mutex_

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> jobs_;
  std::size_t idle_ = 0;  // threads that wait for a job, those that were just woken included
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  const std::string name_;
  const std::size_t limit_;
};

}  // namespace hostler
