#include "async/task.h"

#include <pthread.h>

#include <cstdio>
#include <cstdlib>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/steady_timer.hpp>

namespace hostler {

namespace asio = boost::asio;

Loop::Loop(std::string name) : name_(std::move(name)), work_(io_.get_executor()) {
  // The loop's event queue is made with its first timer or socket, and throws if there is no descriptor left then: better here,
  // where nothing runs yet.
  const boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor> first(io_.get_executor());
}

Loop::~Loop() {
  Stop();
  Join();
}

void Loop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Loop::Stop() {
  io_.stop();
}

void Loop::Join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::RunHere() {
  Run();
}

void Loop::Run() {
  thread_id_ = std::this_thread::get_id();
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  io_.run();
}

void Loop::Post(std::move_only_function<void()> work) {
  asio::post(io_, std::move(work));
}

void Loop::Spawn(Task<> task) {
  asio::co_spawn(io_.get_executor(), std::move(task), EndOnBug);
}

void Loop::AssertHere() const {
  if (IsHere()) return;
  std::fprintf(stderr, "hostler: bug: called off the thread '%s'\n", name_.c_str());
  std::abort();
}

void EndOnBug(const std::exception_ptr& thrown) {
  if (!thrown) return;
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;
    std::fprintf(stderr, "hostler: bug: a task ended with %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hostler: bug: a task ended with %s\n", error.what());
  }
  std::abort();
}

Task<> SleepUntil(Clock::time_point time) {
  using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
  Timer timer(co_await asio::this_coro::executor, time);
  auto [ec] = co_await timer.async_wait(kAsTuple);
  if (ec) throw boost::system::system_error(ec);
}

Task<> Sleep(Clock::duration duration) {
  return SleepUntil(Clock::now() + duration);
}

}  // namespace hostler
