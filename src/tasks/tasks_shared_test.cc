// Several daemons on the same records: exclusion, takeovers, deaths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tasks/owner.h"
#include "tasks/testing/daemon.h"

namespace hostler::tasks {
namespace {

Options Quick(std::string owner) {
  Options options;
  options.owner = std::move(owner);
  options.renew_s = 0.05;
  options.look_s = 0.05;
  return options;
}

class SharedTest : public testing::TestWithParam<StoreKind> {
 protected:
  Script script_;
  Records records_{GetParam()};
};

TEST_P(SharedTest, WhatRunsElsewhereIsShownWithItsProgress) {
  Daemon a(records_, script_, Quick("A"));
  Daemon b(records_, script_, Quick("B"));
  ASSERT_TRUE(a.Open());
  ASSERT_TRUE(b.Open());
  const std::string id = a.Start("x")->record.id;
  script_.Began("x").Show(Progress{"downloading", 3, 9, {}, {}, {}, 0, 1, {}});
  const Record seen = b.Until(id, [](const Record& record) { return record.progress.bytes_done == 3; });
  EXPECT_EQ(seen.owner, "A");
  EXPECT_EQ(b.tasks().ActiveOf("x")->id, id);
  EXPECT_TRUE(b.Start("x")->joined);
  EXPECT_EQ(b.Start("x", Operation::kDelete).error().name, "cross_op_exclusion");
  script_.End("x");
  b.Until(id, Status::kCompleted);
  EXPECT_EQ(b.tasks().ActiveOf("x"), std::nullopt);
}

TEST_P(SharedTest, WhatRunsElsewhereCanBeCancelled) {
  Daemon a(records_, script_, Quick("A"));
  Daemon b(records_, script_, Quick("B"));
  ASSERT_TRUE(a.Open());
  ASSERT_TRUE(b.Open());
  const std::string id = a.Start("x")->record.id;
  script_.Began("x");
  const auto cancelled = b.Cancel(id);
  ASSERT_TRUE(cancelled) << cancelled.error().Text();
  EXPECT_EQ(cancelled->status, Status::kCancelled);
  script_.Unwound("x");
  a.Until(id, Status::kCancelled);
}

TEST_P(SharedTest, WhoStopsRenewingIsReplaced) {
  Options slow = Quick("A");
  slow.renew_s = 3600;  // as if it hung
  Daemon a(records_, script_, slow);
  ASSERT_TRUE(a.Open());
  const std::string id = a.Start("x")->record.id;
  script_.Began("x");
  Script second;
  Options eager = Quick("B");
  eager.lease_s = 0.1;
  Daemon b(records_, second, eager);
  ASSERT_TRUE(b.Open());
  const Handle& handle = second.Began("x");
  EXPECT_EQ(handle.record().id, id);
  EXPECT_EQ(handle.record().epoch, 2);
  // The first wakes up and wants to write: it is told, stops, and shows what the second makes of it.
  Handle& old = script_.Began("x");
  EXPECT_FALSE(old.lost());
  old.Show(Progress{"downloading", 1, 9, {}, {}, {}, 0, 1, {}});
  script_.Unwound("x");
  a.Until(id, [](const Record& record) { return record.owner == "B"; });
  EXPECT_EQ(b.InStore([&](Store& store) { return store.Get(id); }).value()->owner, "B");
  second.End("x");
  b.Until(id, Status::kCompleted);
  EXPECT_EQ(b.InStore([&](Store& store) { return store.Get(id); }).value()->progress.bytes_done, 0U) << "the late writer wrote";
}

TEST_P(SharedTest, AKilledDaemonsTasksAreResumed) {
  auto a = std::make_unique<Daemon>(records_, script_, Quick("A"));
  ASSERT_TRUE(a->Open());
  const std::string id = a->Start("x")->record.id;
  script_.Began("x");
  a->Kill();
  script_.Unwound("x");
  Script second;
  Daemon again(records_, second, Quick("A"));  // of the same name: what it finds of its own cannot be running
  ASSERT_TRUE(again.Open());
  EXPECT_EQ(second.Began("x").record().id, id);
  EXPECT_EQ(again.tasks().Get(id)->status, Status::kRunning);
}

TEST_P(SharedTest, AnOrphanThatWasCancelledIsNotRunAgain) {
  auto a = std::make_unique<Daemon>(records_, script_, Quick("A"));
  ASSERT_TRUE(a->Open());
  const std::string id = a->Start("x")->record.id;
  script_.Began("x");
  a->Kill();
  Script second;
  Options eager = Quick("B");
  Daemon b(records_, second, eager);
  ASSERT_TRUE(b.InStore([&](Store& store) { return store.AskCancel(id); }));
  Options own = Quick("A");
  Daemon again(records_, second, own);
  ASSERT_TRUE(again.Open());
  again.Until(id, Status::kCancelled);
  EXPECT_THAT(second.order(), testing::IsEmpty());
}

TEST_P(SharedTest, TasksWithoutARunnerHereAreLeftAlone) {
  Options brief = Quick("A");
  {
    Daemon a(records_, script_, brief);
    ASSERT_TRUE(a.Open());
    a.Start("x").value();
    script_.Began("x");
    EXPECT_TRUE(a.Shutdown());
  }
  Daemon b(records_, {{Operation::kVerify, script_.runner()}}, Quick("B"));
  ASSERT_TRUE(b.Open());
  EXPECT_EQ(b.tasks().ActiveOf("x")->status, Status::kInterrupted);
}

// A thousand starts of both kinds over fifty keys, from several threads, at two daemons.
TEST_P(SharedTest, ACrowdNeverGetsTwoOfOneKey) {
  std::mutex mutex;
  std::map<std::string, int> inside;
  int most = 0;
  auto busy = [&](Handle& handle) -> Task<Result<Ending>> {
    struct Inside {
      std::mutex& mutex;
      int& count;
      ~Inside() {
        const std::lock_guard lock(mutex);
        --count;
      }
    };
    std::optional<Inside> here;
    {
      const std::lock_guard lock(mutex);
      int& count = inside[handle.record().key];
      most = std::max(most, ++count);
      here.emplace(mutex, count);
    }
    co_await Sleep(std::chrono::milliseconds(1));
    co_return Ending::kCompleted;
  };
  const std::map<Operation, Runner> runners = {{Operation::kDownload, busy}, {Operation::kDelete, busy}};
  Options wide = Quick("A");
  wide.most_running = 50;
  Daemon a(records_, runners, wide);
  wide.owner = "B";
  Daemon b(records_, runners, wide);
  ASSERT_TRUE(a.Open());
  ASSERT_TRUE(b.Open());
  std::atomic<int> begun = 0;
  std::atomic<int> joined = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> wrong = 0;
  std::mutex ids_mutex;
  std::map<std::string, std::string> ids;  // to their keys
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Loop loop("caller");
      loop.Start();
      Daemon& daemon = t % 2 == 0 ? a : b;
      std::vector<std::pair<std::string, std::future<Result<Started>>>> answers;
      for (unsigned i = 0; i < 250; ++i) {
        const std::string key = std::to_string((i * 7 + t) % 50);
        const Operation operation = (i / 3 + t) % 2 == 0 ? Operation::kDownload : Operation::kDelete;
        answers.emplace_back(key, boost::asio::co_spawn(loop.executor(), daemon.tasks().StartOrJoin(key, operation, "{}"),
                                                        boost::asio::use_future));
      }
      for (auto& [key, answer] : answers) {
        const Result<Started> started = answer.get();
        if (!started) {
          ++(started.error().name == "cross_op_exclusion" ? refused : wrong);
          continue;
        }
        ++(started->joined ? joined : begun);
        const std::lock_guard lock(ids_mutex);
        const auto [at, fresh] = ids.emplace(started->record.id, key);
        if (started->record.key != key || at->second != key) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(begun + joined + refused, 1000);
  EXPECT_EQ(begun, static_cast<int>(ids.size()));
  EXPECT_GE(begun, 50);
  for (const auto& [id, key] : ids) {
    for (Daemon* daemon : {&a, &b}) {
      if (const auto record = daemon->tasks().Get(id); record && record->owner == (daemon == &a ? "A" : "B")) {
        daemon->Until(id, [](const Record& shown) { return IsFinished(shown.status); });
      }
    }
  }
  EXPECT_EQ(most, 1) << "two runs of one key at the same time";
  EXPECT_EQ(a.InStore([](Store& store) { return store.Unfinished(); })->size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, SharedTest, testing::Values(StoreKind::kSqlite, StoreKind::kMemory), StoreName);

}  // namespace
}  // namespace hostler::tasks
