#include <gtest/gtest.h>

#include <future>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "async/one_shot.h"
#include "async/pool.h"
#include "async/task.h"

namespace hostler {
namespace {

namespace asio = boost::asio;

class AsyncTest : public testing::Test {
 protected:
  AsyncTest() { loop_.Start(); }

  // Runs a task on the loop and waits for its result.
  template <class T>
  T Get(Task<T> task) {
    return asio::co_spawn(loop_.executor(), std::move(task), asio::use_future).get();
  }

  Loop loop_{"test"};
};

TEST_F(AsyncTest, OneShotCarriesAValueFromAnotherThread) {
  auto run = [](Loop& loop) -> Task<int> {
    OneShot<int> shot(loop.executor());
    std::thread([promise = shot.promise()] { promise.Set(42); }).detach();
    co_return co_await shot.Wait();
  };
  EXPECT_EQ(Get(run(loop_)), 42);
}

TEST_F(AsyncTest, OneShotSetBeforeWaitIsNotLost) {
  auto run = [](Loop& loop) -> Task<int> {
    OneShot<int> shot(loop.executor());
    EXPECT_TRUE(shot.promise().Set(7));
    EXPECT_FALSE(shot.promise().Set(8));
    co_await Sleep(std::chrono::milliseconds(5));
    co_return co_await shot.Wait();
  };
  EXPECT_EQ(Get(run(loop_)), 7);
}

TEST_F(AsyncTest, CancellingTheWaiterUnwindsItAndHandsTheValueBack) {
  std::optional<OneShot<std::unique_ptr<int>>::Promise> promise;
  asio::cancellation_signal signal;
  std::promise<bool> unwound;
  auto run = [](Loop& loop, auto& out) -> Task<> {
    OneShot<std::unique_ptr<int>> shot(loop.executor());
    out = shot.promise();
    co_await shot.Wait();
  };
  loop_.Post([&] {
    asio::co_spawn(
        loop_.executor(), run(loop_, promise),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown) { unwound.set_value(thrown != nullptr); }));
  });
  loop_.Post([&] { loop_.Post([&] { signal.emit(asio::cancellation_type::terminal); }); });
  EXPECT_TRUE(unwound.get_future().get());
  auto value = std::make_unique<int>(1);
  EXPECT_FALSE(promise->SetOrKeep(value));
  EXPECT_NE(value, nullptr);
}

TEST(OneShotTest, APromiseMayOutliveTheWaiterAndItsLoop) {
  std::optional<OneShot<int>::Promise> promise;
  {
    Loop loop("short");
    loop.Start();
    auto wait = [](Loop& on, auto& out) -> Task<> {
      OneShot<int> shot(on.executor());
      out = shot.promise();
      co_await shot.Wait();
    };
    std::promise<void> waiting;
    loop.Post([&] { loop.Spawn(wait(loop, promise)); });
    loop.Post([&] { waiting.set_value(); });
    waiting.get_future().wait();
  }
  EXPECT_TRUE(promise->abandoned());
  EXPECT_FALSE(promise->Set(1));
}

TEST_F(AsyncTest, PoolWorksElsewhereAndComesBackHere) {
  Pool pool("work", 2);
  auto run = [](Loop& loop, Pool& work) -> Task<bool> {
    const std::thread::id here = std::this_thread::get_id();
    const std::thread::id there = co_await work.Run([] { return std::this_thread::get_id(); });
    co_return here != there&& loop.IsHere();
  };
  EXPECT_TRUE(Get(run(loop_, pool)));
}

}  // namespace
}  // namespace hostler
