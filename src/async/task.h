// The house's coroutine and the loop it runs on.
//
// A Task lives on one Loop and never leaves it. Whoever waits can be cancelled (a client hung up): the pending wait then
// throws boost::system::system_error(operation_aborted) and the frames unwind. So clean-up belongs into destructors,
// and nothing in a destructor may co_await.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"

namespace hostler {

using Executor = boost::asio::io_context::executor_type;  // concrete: no type erasure on the hot path

template <class T = void>
using Task = boost::asio::awaitable<T, Executor>;

// Completion token: `auto [ec, n] = co_await socket.async_read_some(buffer, kAsTuple);` errors are values, except cancellation.
inline constexpr auto kAsTuple = boost::asio::as_tuple(boost::asio::use_awaitable_t<Executor>{});

// One thread with its event loop. Owner: hostlerd (or a test). Post() and Spawn() from any thread; the rest on the loop.
class Loop {
 public:
  explicit Loop(std::string name);
  ~Loop();  // Stop() and Join()
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Start();  // runs the loop on a thread of its own, named `name` for ps and gdb
  void Stop();   // from any thread; pending work is dropped
  void Join();
  // Runs the loop on the calling thread instead, until Stop().
  void RunHere();

  void Post(std::move_only_function<void()> work);
  // Starts a coroutine that nobody waits for. An exception other than cancellation ends the process: it is a bug.
  void Spawn(Task<> task);

  [[nodiscard]] Executor executor() { return io_.get_executor(); }
  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] bool IsHere() const { return std::this_thread::get_id() == thread_id_; }
  void AssertHere() const;

 private:
  void Run();

  const std::string name_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<Executor> work_;
  std::atomic<std::thread::id> thread_id_{};
  std::thread thread_;
};

// Handler for co_spawn: swallows cancellation, ends the process with the reason on anything else.
void EndOnBug(const std::exception_ptr& thrown);

// Waits on the calling coroutine's loop.
Task<> Sleep(Clock::duration duration);
Task<> SleepUntil(Clock::time_point time);

}  // namespace hostler
