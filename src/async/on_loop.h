// Runs a coroutine on another loop and waits here for its result. Cancelling the waiter does not stop it: it must own what
// it uses and end by itself.
#pragma once

#include <type_traits>
#include <utility>

#include "async/one_shot.h"
#include "async/task.h"

namespace hostler {

namespace detail {
template <class T, class Make>
Task<> RunAndSet(Make make, typename OneShot<T>::Promise promise) {
  promise.Set(co_await make());
}
}  // namespace detail

// `make` returns the Task to run; it is kept alive until that has ended, so it may capture.
template <class Make>
auto OnLoop(Loop& loop, Make make) -> Task<typename std::invoke_result_t<Make>::value_type> {
  using T = typename std::invoke_result_t<Make>::value_type;
  OneShot<T> result(co_await boost::asio::this_coro::executor);
  loop.Spawn(detail::RunAndSet<T, Make>(std::move(make), result.promise()));
  co_return co_await result.Wait();
}

}  // namespace hostler
