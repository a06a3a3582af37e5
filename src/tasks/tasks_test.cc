#include "tasks/tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tasks/testing/daemon.h"

namespace hostler::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Options Named(std::string owner) {
  Options options;
  options.owner = std::move(owner);
  return options;
}

class TasksTest : public testing::TestWithParam<StoreKind> {
 protected:
  TasksTest() { EXPECT_TRUE(daemon_.Open()); }

  Script script_;
  Records records_{GetParam()};
  Daemon daemon_{records_, script_, Named("A")};
};

TEST_P(TasksTest, RunsToItsEnd) {
  const auto started = daemon_.Start("kokoro");
  ASSERT_TRUE(started) << started.error().Text();
  EXPECT_FALSE(started->joined);
  EXPECT_THAT(started->record.id, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  const std::string id = started->record.id;
  Handle& handle = script_.Began("kokoro");
  EXPECT_EQ(handle.record().payload, "{}");
  EXPECT_EQ(daemon_.tasks().Get(id)->status, Status::kRunning);
  EXPECT_EQ(daemon_.tasks().ActiveOf("kokoro")->id, id);
  script_.End("kokoro");
  daemon_.Until(id, Status::kCompleted);
  EXPECT_EQ(daemon_.tasks().ActiveOf("kokoro"), std::nullopt);
  EXPECT_THAT(daemon_.tasks().Active(), IsEmpty());
  EXPECT_THAT(daemon_.tasks().List(), SizeIs(1));
  EXPECT_EQ(daemon_.InStore([&](Store& store) { return store.Get(id); }).value()->status, Status::kCompleted);
}

TEST_P(TasksTest, EndsAsItsRunnerSays) {
  const std::string gone = daemon_.Start("gone", Operation::kDelete)->record.id;
  const std::string full = daemon_.Start("full")->record.id;
  script_.Began("gone");
  script_.Began("full");
  script_.End("gone", Ending::kNotInstalled);
  const Error error{Code::kUnavailable, "the disk is full", "Free 3 GB.", {}, "disk_full"};
  script_.End("full", Fail(error));
  EXPECT_EQ(daemon_.Until(gone, Status::kNotInstalled).error, std::nullopt);
  EXPECT_EQ(daemon_.Until(full, Status::kFailed).error, error);
  EXPECT_EQ(daemon_.InStore([&](Store& store) { return store.Get(full); }).value()->error, error);
}

TEST_P(TasksTest, TheSameIsJoinedAndSomethingElseIsRefused) {
  const auto first = daemon_.Start("a");
  const auto second = daemon_.Start("a");
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->joined);
  EXPECT_EQ(second->record.id, first->record.id);
  const auto other = daemon_.Start("a", Operation::kDelete);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  EXPECT_EQ(other.error().name, "cross_op_exclusion");
  EXPECT_THAT(other.error().message, HasSubstr(first->record.id));
  script_.Began("a");
  script_.End("a");
  daemon_.Until(first->record.id, Status::kCompleted);
  const auto next = daemon_.Start("a", Operation::kDelete);
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->joined);
}

TEST_P(TasksTest, RefusesWhatItCannotKeep) {
  EXPECT_EQ(daemon_.Start(" ").error().field, "key");
  EXPECT_EQ(daemon_.Start(std::string(501, 'x')).error().field, "key");
  EXPECT_EQ(daemon_.Start("a", Operation::kVerify).error().code, Code::kUnsupported);
  EXPECT_EQ(daemon_.Do(daemon_.tasks().StartOrJoin("a", Operation::kDownload, std::string(2 << 20, 'x'))).error().code,
            Code::kTooLarge);
  EXPECT_EQ(daemon_.tasks().Get("none").error().code, Code::kNotFound);
  EXPECT_THAT(daemon_.tasks().Get("none").error().message, HasSubstr("none"));
  EXPECT_EQ(daemon_.Cancel("none").error().code, Code::kNotFound);
}

TEST_P(TasksTest, ShowsProgressAtOnceAndKeepsIt) {
  const std::string id = daemon_.Start("a")->record.id;
  Handle& handle = script_.Began("a");
  Progress progress;
  progress.phase = "downloading";
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    progress.bytes_done = i;
    progress.bytes_total = 1000;
    handle.Show(progress);  // from another thread
  }
  daemon_.Until(id, [](const Record& record) { return record.progress.bytes_done == 1000; });
  script_.End("a");
  daemon_.Until(id, Status::kCompleted);
  const Record kept = daemon_.InStore([&](Store& store) { return store.Get(id); }).value().value();
  EXPECT_EQ(kept.progress, progress);
}

TEST_P(TasksTest, TheLastProgressIsKeptWhereverItWasShown) {
  auto quick = [](Handle& handle) -> Task<Result<Ending>> {
    std::thread([&] { handle.Show(Progress{"verifying", 9, 9, {}, {}, {}, 1, 1, {}}); }).join();
    co_return Ending::kCompleted;
  };
  Daemon other(records_, {{Operation::kVerify, quick}}, Named("B"));
  ASSERT_TRUE(other.Open());
  const std::string id = other.Start("a", Operation::kVerify)->record.id;
  EXPECT_EQ(other.Until(id, Status::kCompleted).progress.bytes_done, 9U);
  EXPECT_EQ(other.InStore([&](Store& store) { return store.Get(id); }).value()->progress.bytes_done, 9U);
}

TEST_P(TasksTest, TheRingTellsEveryChangeInOrder) {
  const std::string id = daemon_.Start("a")->record.id;
  script_.Began("a").Show(Progress{"downloading", 1, 2, {}, {}, {}, 0, 1, {}});
  daemon_.Until(id, [](const Record& record) { return record.progress.bytes_done == 1; });
  script_.Began("a").Show(Progress{"downloading", 1, 2, {}, {}, {}, 0, 1, {}});  // nothing new
  script_.End("a");
  daemon_.Until(id, Status::kCompleted);
  std::vector<std::string> told;
  for (const auto& item : daemon_.tasks().ring().Read(0).entries) {
    told.push_back(json::EnumName(item.entry->status) + "/" + std::to_string(item.entry->progress.bytes_done));
  }
  EXPECT_THAT(told, ElementsAre("pending/0", "running/0", "running/1", "completed/1"));
}

TEST_P(TasksTest, ARunningTaskIsCancelled) {
  const std::string id = daemon_.Start("a")->record.id;
  script_.Began("a");
  const auto cancelled = daemon_.Cancel(id);
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->status, Status::kCancelled);
  script_.Unwound("a");
  EXPECT_EQ(daemon_.Cancel(id)->status, Status::kCancelled) << "once more changes nothing";
  EXPECT_FALSE(daemon_.Start("a")->joined);
}

TEST_P(TasksTest, AFinishedTaskIsNotCancelled) {
  const std::string id = daemon_.Start("a")->record.id;
  script_.Began("a");
  script_.End("a");
  daemon_.Until(id, Status::kCompleted);
  EXPECT_EQ(daemon_.Cancel(id)->status, Status::kCompleted);
}

TEST_P(TasksTest, ARunnerThatThrowsFailsItsTaskOnly) {
  auto broken = [](Handle&) -> Task<Result<Ending>> {
    co_await Sleep(std::chrono::milliseconds(0));
    throw std::runtime_error("vector::at");
  };
  Daemon other(records_, {{Operation::kVerify, broken}}, Named("B"));
  ASSERT_TRUE(other.Open());
  const std::string id = other.Start("a", Operation::kVerify)->record.id;
  const Record failed = other.Until(id, Status::kFailed);
  EXPECT_THAT(failed.error->message, HasSubstr("vector::at"));
}

TEST_P(TasksTest, APauseShowsUntilWhenAndWhy) {
  auto again = [](Handle& handle) -> Task<Result<Ending>> {
    const Error why{Code::kUpstream, "it said 503", "Wait.", {}, "network"};
    co_await handle.Pause(0.001, why);
    co_await handle.Pause(3600, why);
    co_return Ending::kCompleted;
  };
  Daemon other(records_, {{Operation::kVerify, again}}, Named("B"));
  ASSERT_TRUE(other.Open());
  const double before = UnixSeconds(WallClock::now());
  const std::string id = other.Start("a", Operation::kVerify)->record.id;
  const Record waits = other.Until(id, [](const Record& record) { return record.attempt == 2 && record.next_attempt_at; });
  EXPECT_GE(*waits.next_attempt_at, before + 3600);
  EXPECT_EQ(waits.error->message, "it said 503");
  EXPECT_EQ(waits.status, Status::kRunning);
  const auto cancelled = other.Cancel(id);  // needs no hour
  EXPECT_EQ(cancelled->status, Status::kCancelled);
  EXPECT_EQ(cancelled->next_attempt_at, std::nullopt);
  EXPECT_EQ(cancelled->error, std::nullopt);
}

TEST_P(TasksTest, ADeletionDoesNotWaitBehindDownloads) {
  Options few = Named("B");
  few.most_running_of[Operation::kDownload] = 1;
  Script script;
  Daemon other(records_, script, few);
  ASSERT_TRUE(other.Open());
  ASSERT_TRUE(other.Start("1"));
  const std::string waits = other.Start("2")->record.id;
  script.Began("1");
  ASSERT_TRUE(other.Start("3", Operation::kDelete));
  script.Began("3");
  EXPECT_EQ(other.tasks().Get(waits)->status, Status::kPending);
  script.End("1");
  script.Began("2");
  script.End("2");
  script.End("3");
}

TEST_P(TasksTest, OthersWaitInOrderAndMayBeCancelledThere) {
  Options few = Named("B");
  few.most_running = 2;
  Script script;
  Daemon other(records_, script, few);
  ASSERT_TRUE(other.Open());
  std::vector<std::string> ids;
  for (const char* key : {"1", "2", "3", "4", "5"}) ids.push_back(other.Start(key)->record.id);
  script.Began("2");
  EXPECT_EQ(other.tasks().Get(ids[2])->status, Status::kPending);
  EXPECT_EQ(other.Cancel(ids[3])->status, Status::kCancelled);
  script.Began("1");
  script.End("1");
  script.Began("3");
  EXPECT_EQ(other.tasks().Get(ids[4])->status, Status::kPending);
  script.End("2");
  script.Began("5");
  EXPECT_THAT(script.order(), ElementsAre("1", "2", "3", "5"));
  EXPECT_EQ(script.most_at_once(), 2U);
}

TEST_P(TasksTest, MoreThanTheMostIsRefused) {
  Options few = Named("B");
  few.most_active = 2;
  Daemon other(records_, script_, few);
  ASSERT_TRUE(other.Open());
  ASSERT_TRUE(other.Start("1"));
  ASSERT_TRUE(other.Start("2"));
  EXPECT_EQ(other.Start("3").error().code, Code::kBusy);
  EXPECT_TRUE(other.Start("2")->joined);
}

TEST_P(TasksTest, ShutdownInterruptsAndTheNextGoesOn) {
  const std::string runs = daemon_.Start("runs")->record.id;
  script_.Began("runs").Show(Progress{"downloading", 7, 9, {}, {}, {}, 0, 1, {}});
  EXPECT_TRUE(daemon_.Shutdown());
  script_.Unwound("runs");
  EXPECT_EQ(daemon_.tasks().Get(runs)->status, Status::kInterrupted);
  EXPECT_EQ(daemon_.Start("late").error().code, Code::kUnavailable);
  Script script;
  Daemon next(records_, script, Named("B"));
  ASSERT_TRUE(next.Open());
  const Handle& handle = script.Began("runs");
  EXPECT_EQ(handle.record().id, runs);
  EXPECT_EQ(handle.record().progress.bytes_done, 7U);
  EXPECT_EQ(handle.record().owner, "B");
  script.End("runs");
  next.Until(runs, Status::kCompleted);
}

TEST_P(TasksTest, ShutdownTwiceIsShutdown) {
  daemon_.Start("a").value();
  script_.Began("a");
  EXPECT_TRUE(daemon_.Shutdown());
  EXPECT_TRUE(daemon_.Shutdown());
}

TEST_P(TasksTest, FinishedOnesAreShownAfterARestartAndForgottenInTheEnd) {
  const std::string id = daemon_.Start("a")->record.id;
  script_.Began("a");
  script_.End("a");
  daemon_.Until(id, Status::kCompleted);
  Daemon next(records_, script_, Named("B"));
  ASSERT_TRUE(next.Open());
  EXPECT_EQ(next.tasks().Get(id)->status, Status::kCompleted);
  Options brief = Named("C");
  brief.keep_s = -1;  // what is finished now is too old
  Daemon last(records_, script_, brief);
  ASSERT_TRUE(last.Open());
  EXPECT_FALSE(last.tasks().Get(id));
  EXPECT_EQ(last.InStore([&](Store& store) { return store.Get(id); }).value(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(All, TasksTest, testing::Values(StoreKind::kSqlite, StoreKind::kMemory), StoreName);

}  // namespace
}  // namespace hostler::tasks
