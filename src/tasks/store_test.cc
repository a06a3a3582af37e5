#include "tasks/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tasks/record_json.h"
#include "tasks/testing/store_game.h"
#include "tasks/testing/stores.h"

namespace hostler::tasks {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

Record NewRecord(const std::string& id, const std::string& key, const std::string& owner, double now = 100) {
  Record record;
  record.id = id;
  record.key = key;
  record.owner = owner;
  record.payload = R"({"model": "x"})";
  record.created_at = record.updated_at = now;
  return record;
}

class StoreTest : public testing::TestWithParam<StoreKind> {
 protected:
  Record Claim(const Record& record) {
    auto claimed = store_.Claim(record);
    EXPECT_TRUE(claimed) << claimed.error().Text();
    EXPECT_FALSE(claimed->joined);
    return claimed->record;
  }
  Record Kept(const std::string& id) { return store_.Get(id).value().value(); }
  std::vector<std::string> Ids(const std::vector<Record>& records) {
    std::vector<std::string> ids;
    for (const Record& record : records) ids.push_back(record.id);
    return ids;
  }

  Records records_{GetParam()};
  Records::Connection connection_ = records_.Connect();
  Store& store_ = *connection_.store;
};

TEST_P(StoreTest, KeepsEveryMember) {
  Record record = Claim(NewRecord("1", "a", "me"));
  EXPECT_EQ(Kept("1"), record);
  record.status = Status::kRunning;
  record.progress = {"downloading", 5, 10, 2.5, 2.0, {{"model.bin", "downloading", 5, 10}}, 1, 2, {"\"slow\" ü\n"}};
  record.error = Error{Code::kUpstream, "it said 503", "Wait.", "files[0]", "network"};
  record.attempt = 3;
  record.next_attempt_at = 130.5;
  ASSERT_TRUE(store_.Renew(record, 120));
  record.updated_at = 120;
  EXPECT_EQ(Kept("1"), record);
}

TEST_P(StoreTest, AKeyHasOneActiveTaskWhateverItsOperation) {
  const Record first = Claim(NewRecord("1", "a", "me"));
  Record other = NewRecord("2", "a", "you");
  other.operation = Operation::kDelete;
  const auto joined = store_.Claim(other);
  ASSERT_TRUE(joined);
  EXPECT_TRUE(joined->joined);
  EXPECT_EQ(joined->record, first);
  EXPECT_EQ(store_.Get("2").value(), std::nullopt);
  Claim(NewRecord("3", "b", "you"));
  EXPECT_THAT(Ids(store_.Unfinished().value()), ElementsAre("1", "3"));
}

TEST_P(StoreTest, AnIdIsUsedOnce) {
  Claim(NewRecord("1", "a", "me"));
  EXPECT_EQ(store_.Claim(NewRecord("1", "b", "me")).error().code, Code::kConflict);
}

TEST_P(StoreTest, TheEndFreesTheSlotAndNothingIsWrittenAfterwards) {
  Record record = Claim(NewRecord("1", "a", "me"));
  record.status = Status::kFailed;
  record.error = Error{Code::kUnavailable, "full", "Free some space.", {}, "disk_full"};
  ASSERT_TRUE(store_.Finish(record, 110));
  EXPECT_EQ(Kept("1").error, record.error);
  Claim(NewRecord("2", "a", "you"));
  EXPECT_EQ(store_.Finish(record, 111).error().name, "superseded");
  record.status = Status::kRunning;
  EXPECT_EQ(store_.Renew(record, 111).error().name, "superseded");
  EXPECT_EQ(Kept("1").status, Status::kFailed);
}

TEST_P(StoreTest, OnlyEndingsFinishAndOnlyTheOthersRenew) {
  Record record = Claim(NewRecord("1", "a", "me"));
  EXPECT_FALSE(store_.Finish(record, 110));
  record.status = Status::kCompleted;
  EXPECT_FALSE(store_.Renew(record, 110));
  EXPECT_EQ(Kept("1").status, Status::kPending);
}

TEST_P(StoreTest, WhoDidNotRenewIsTakenOverOnceAndWritesNoMore) {
  Record mine = Claim(NewRecord("1", "a", "me"));
  mine.status = Status::kRunning;
  ASSERT_TRUE(store_.Renew(mine, 200));
  EXPECT_EQ(store_.TakeOver("1", "you", 230, 200, std::nullopt).value(), std::nullopt) << "the lease is good at 200";
  const auto taken = store_.TakeOver("1", "you", 270, 210, std::nullopt).value();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->owner, "you");
  EXPECT_EQ(taken->epoch, mine.epoch + 1);
  EXPECT_EQ(taken->status, Status::kInterrupted);
  EXPECT_EQ(store_.TakeOver("1", "them", 271, 211, std::nullopt).value(), std::nullopt);
  EXPECT_EQ(store_.Renew(mine, 272).error().name, "superseded");
  mine.status = Status::kCompleted;
  EXPECT_EQ(store_.Finish(mine, 272).error().name, "superseded");
  Record theirs = *taken;
  theirs.status = Status::kCompleted;
  EXPECT_TRUE(store_.Finish(theirs, 273));
}

TEST_P(StoreTest, TheDeadAreTakenOverAtOnce) {
  Claim(NewRecord("1", "a", "dead", 200));
  EXPECT_EQ(store_.TakeOver("1", "you", 201, 100, "somebody").value(), std::nullopt);
  const auto taken = store_.TakeOver("1", "you", 201, 100, "dead").value();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->status, Status::kPending) << "it never ran";
}

TEST_P(StoreTest, AnInterruptedTaskKeepsItsSlotAndIsNobodys) {
  Record mine = Claim(NewRecord("1", "a", "me"));
  mine.status = Status::kInterrupted;
  ASSERT_TRUE(store_.Finish(mine, 110));
  EXPECT_EQ(Kept("1").owner, "");
  mine.status = Status::kRunning;
  EXPECT_EQ(store_.Renew(mine, 111).error().name, "superseded") << "it was let go";
  EXPECT_TRUE(store_.Claim(NewRecord("2", "a", "you"))->joined);
  EXPECT_TRUE(store_.TakeOver("1", "you", 111, 0, std::nullopt).value());
}

TEST_P(StoreTest, ARequestToCancelStaysThroughTakeovers) {
  Claim(NewRecord("1", "a", "me"));
  EXPECT_FALSE(store_.CancelAsked("1").value());
  ASSERT_TRUE(store_.AskCancel("1"));
  ASSERT_TRUE(store_.TakeOver("1", "you", 101, 0, "me").value());
  EXPECT_TRUE(store_.CancelAsked("1").value());
  EXPECT_EQ(store_.AskCancel("2").error().code, Code::kNotFound);
  EXPECT_EQ(store_.CancelAsked("2").error().code, Code::kNotFound);
}

TEST_P(StoreTest, ListsByAgeAndForgetsWhatIsFinished) {
  Record old = Claim(NewRecord("1", "a", "me", 100));
  Claim(NewRecord("2", "b", "me", 101));
  Record young = Claim(NewRecord("3", "c", "me", 102));
  old.status = young.status = Status::kCompleted;
  ASSERT_TRUE(store_.Finish(old, 110));
  ASSERT_TRUE(store_.Finish(young, 120));
  EXPECT_THAT(Ids(store_.Recent(2).value()), ElementsAre("3", "2"));
  ASSERT_TRUE(store_.Forget(120));
  EXPECT_THAT(Ids(store_.Recent(9).value()), ElementsAre("3", "2"));
  EXPECT_THAT(Ids(store_.Unfinished().value()), ElementsAre("2"));
}

TEST_P(StoreTest, ThreeOwnersPlayByTheRules) {
  Records::Connection second = records_.Connect();
  for (unsigned game = 0; game < 6; ++game) {
    std::mt19937 random(game);
    StoreGame play(store_, *second.store, std::to_string(game), [&](unsigned n) { return static_cast<unsigned>(random() % n); });
    EXPECT_EQ(play.Play(60), "") << "game " << game;
  }
}

INSTANTIATE_TEST_SUITE_P(All, StoreTest, testing::Values(StoreKind::kSqlite, StoreKind::kMemory), StoreName);

TEST(RecordJsonTest, WhatCannotBeReadBecomesAWarning) {
  EXPECT_THAT(ProgressFromJson("{\"phase\": 3}").warnings, ElementsAre(HasSubstr("cannot be read")));
  EXPECT_EQ(ErrorFromJson("nonsense").code, Code::kInternal);
  EXPECT_EQ(ErrorFromJson(R"({"code":"of_tomorrow","message":"m","remedy":"r","field":"","name":"n"})").name, "n");
}

}  // namespace
}  // namespace hostler::tasks
