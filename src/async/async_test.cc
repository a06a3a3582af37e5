#include <gtest/gtest.h>

#include <future>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_future.hpp>

#include "async/budget.h"
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

TEST_F(AsyncTest, WhatAJobThrowsReachesItsWaiter) {
  Pool pool("work", 1);
  auto run = [](Pool& work) -> Task<int> { co_return co_await work.Run([]() -> int { throw std::bad_alloc(); }); };
  EXPECT_THROW(Get(run(pool)), std::bad_alloc);
}

TEST(PoolTest, FinishesWhatWasSubmittedBeforeItGoes) {
  std::atomic<int> done{0};
  {
    Pool pool("work", 1);
    for (int i = 0; i < 100; ++i) pool.Submit([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST_F(AsyncTest, ABudgetServesInOrderAndNeverMoreThanThereIs) {
  Budget budget(10);
  std::vector<int> order;
  auto take = [](Budget& from, std::uint64_t amount, int name, std::vector<int>& seen) -> Task<bool> {
    const Budget::Hold hold = co_await from.Take(amount);
    seen.push_back(name);
    co_await Sleep(std::chrono::milliseconds(2));
    co_return true;
  };
  std::vector<std::future<bool>> futures;
  const std::vector<std::uint64_t> wanted = {6, 8, 1, 50, 3};  // 1 would fit beside 6, but does not overtake 8
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    futures.push_back(asio::co_spawn(loop_.executor(), take(budget, wanted[i], static_cast<int>(i), order), asio::use_future));
  }
  for (auto& future : futures) EXPECT_TRUE(future.get());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(AsyncTest, AWaiterThatLeavesABudgetLosesNothing) {
  Budget budget(1);
  asio::cancellation_signal signal;
  std::promise<void> left;
  auto hold_and_wait = [](Budget& from) -> Task<> {
    const Budget::Hold hold = co_await from.Take(1);
    co_await Sleep(std::chrono::hours(1));
  };
  auto take = [](Budget& from) -> Task<bool> {
    const Budget::Hold hold = co_await from.Take(1);
    co_return true;
  };
  loop_.Post([&] {
    asio::co_spawn(loop_.executor(), hold_and_wait(budget),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { left.set_value(); }));
  });
  auto second = asio::co_spawn(loop_.executor(), take(budget), asio::use_future);
  loop_.Post([&] { loop_.Post([&] { signal.emit(asio::cancellation_type::terminal); }); });
  left.get_future().wait();
  EXPECT_TRUE(second.get());
}

}  // namespace
}  // namespace hostler
