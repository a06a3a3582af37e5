#include "db/db.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "os/files.h"
#include "os/testing/temp_folder.h"

namespace hostler::db {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Migration kFirst[] = {
    {1, "001_things", "CREATE TABLE things (name TEXT PRIMARY KEY, size REAL, count INTEGER) STRICT;"}};
constexpr Migration kSecond[] = {kFirst[0],
                                 {2, "002_more", "ALTER TABLE things ADD COLUMN more TEXT; UPDATE things SET more = '!';"}};
constexpr Migration kBroken[] = {kFirst[0], {2, "002_broken", "CREATE TABLE other (x TEXT) STRICT; CREATE NONSENSE;"}};
constexpr Migration kOther[] = {{1, "001_other", "CREATE TABLE other (x TEXT) STRICT;"}};

class DbTest : public testing::Test {
 protected:
  std::vector<std::string> Files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> Names(Database& database) {
    std::vector<std::string> names;
    EXPECT_TRUE(database.Each("SELECT name FROM things ORDER BY name", [&](const Row& row) { names.push_back(row.Text(0)); }));
    return names;
  }

  const os::TempFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "sub" / "hostler.db";
};

TEST_F(DbTest, KeepsWhatIsWritten) {
  const std::string odd("ü \" ' \n\0 end", 13);
  {
    Database database(file_);
    const auto opened = database.Open({{"things", kFirst}});
    ASSERT_TRUE(opened) << opened.error().Text();
    EXPECT_THAT(opened->warnings, IsEmpty());
    EXPECT_EQ(database.Run("INSERT INTO things VALUES (?, ?, ?)", odd, 2.5, std::int64_t{1} << 60).value(), 1U);
    EXPECT_EQ(database.Run("INSERT INTO things VALUES (?, ?, ?)", "empty", std::optional<double>(), std::nullopt).value(), 1U);
    EXPECT_EQ(database.Run("UPDATE things SET count = 1 WHERE name = ?", "none").value(), 0U);
  }
  struct stat status{};
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kFirst}}));
  std::string name;
  std::int64_t count = 0;
  ASSERT_TRUE(database.Each(
      "SELECT name, size, count FROM things WHERE count > ?",
      [&](const Row& row) {
        name = row.Text(0);
        EXPECT_EQ(row.Real(1), 2.5);
        count = row.Integer(2);
      },
      5));
  EXPECT_EQ(name, odd);
  EXPECT_EQ(count, std::int64_t{1} << 60);
  ASSERT_TRUE(database.Each("SELECT size, count FROM things WHERE name = 'empty'", [&](const Row& row) {
    EXPECT_EQ(row.MaybeReal(0), std::nullopt);
    EXPECT_TRUE(row.IsNull(1));
    EXPECT_EQ(row.MaybeText(1), std::nullopt);
  }));
}

TEST_F(DbTest, AFileThatIsNotThereIsMadeWithTheFirstRow) {
  Database database(file_);
  ASSERT_TRUE(database.OpenIfThere({{"things", kFirst}}));
  EXPECT_THAT(Names(database), IsEmpty());
  EXPECT_EQ(database.Run("DELETE FROM things WHERE name = ?", "x").value(), 0U);
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_EQ(database.Run("INSERT INTO things VALUES (?, 1, 1)", "a").value(), 1U);
  EXPECT_THAT(Names(database), ElementsAre("a"));

  Database second(folder_.path() / "other.db");
  ASSERT_TRUE(second.OpenIfThere({{"things", kFirst}}));
  auto transaction = second.Begin(Durability::kPower);
  ASSERT_TRUE(transaction) << transaction.error().Text();
  ASSERT_TRUE(second.Run("INSERT INTO things VALUES ('b', 1, 1)"));
  ASSERT_TRUE(transaction->Commit());
  EXPECT_THAT(Names(second), ElementsAre("b"));
}

TEST_F(DbTest, AFileThatSomebodyElseMakesIsSeen) {
  Database waiting(file_);
  ASSERT_TRUE(waiting.OpenIfThere({{"things", kFirst}}));
  EXPECT_THAT(Names(waiting), IsEmpty());
  Database other(file_);
  ASSERT_TRUE(other.Open({{"things", kFirst}}));
  ASSERT_TRUE(other.Run("INSERT INTO things VALUES ('a', 1, 1)"));
  EXPECT_THAT(Names(waiting), ElementsAre("a"));
  Database third(file_);
  ASSERT_TRUE(third.OpenIfThere({{"things", kFirst}}));
  EXPECT_THAT(Names(third), ElementsAre("a"));
}

TEST_F(DbTest, TablesAreStrictAndBadStatementsAreErrors) {
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kFirst}}));
  EXPECT_EQ(database.Run("INSERT INTO things VALUES (?, ?, ?)", "a", "no number", 1).error().code, Code::kConflict);
  EXPECT_THAT(database.Run("INSERT INTO nowhere VALUES (1)").error().message, HasSubstr("no such table"));
  EXPECT_TRUE(database.Run("INSERT INTO things VALUES ('a', 1, 1)"));
  EXPECT_EQ(database.Run("INSERT INTO things VALUES ('a', 1, 1)").error().code, Code::kConflict);
}

TEST_F(DbTest, ATransactionWithoutCommitIsRolledBack) {
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kFirst}}));
  for (const Durability durability : {Durability::kPower, Durability::kProcess}) {
    {
      auto transaction = database.Begin(durability);
      ASSERT_TRUE(transaction);
      EXPECT_FALSE(database.Begin(durability)) << "one inside another";
      ASSERT_TRUE(database.Run("INSERT INTO things VALUES ('gone', 1, 1)"));
    }
    auto transaction = database.Begin(durability);
    ASSERT_TRUE(transaction);
    const std::string name = durability == Durability::kPower ? "power" : "process";
    ASSERT_TRUE(database.Run("INSERT INTO things VALUES (?, 1, 1)", name));
    ASSERT_TRUE(transaction->Commit());
  }
  EXPECT_THAT(Names(database), ElementsAre("power", "process"));
}

TEST_F(DbTest, TwoConnectionsShareAFile) {
  Database one(file_);
  Database two(file_);
  ASSERT_TRUE(one.Open({{"things", kFirst}}));
  ASSERT_TRUE(two.Open({{"things", kFirst}}));
  auto transaction = one.Begin(Durability::kPower);
  ASSERT_TRUE(transaction);
  ASSERT_TRUE(one.Run("INSERT INTO things VALUES ('a', 1, 1)"));
  EXPECT_THAT(Names(two), IsEmpty()) << "readers do not wait, and see nothing half done";
  ASSERT_TRUE(transaction->Commit());
  EXPECT_THAT(Names(two), ElementsAre("a"));
}

TEST_F(DbTest, RoomsComeUpToDateEachByItself) {
  {
    Database database(file_);
    ASSERT_TRUE(database.Open({{"things", kFirst}}));
    ASSERT_TRUE(database.Run("INSERT INTO things VALUES ('a', 1, 1)"));
  }
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kSecond}, {"others", kOther}}));
  std::string more;
  ASSERT_TRUE(database.Each("SELECT more FROM things", [&](const Row& row) { more = row.Text(0); }));
  EXPECT_EQ(more, "!");
  ASSERT_TRUE(database.Open({{"things", kSecond}, {"others", kOther}})) << "once more changes nothing";
  ASSERT_TRUE(database.Open({{"others", kOther}})) << "a room that is not there is nobody's business";
}

TEST_F(DbTest, AStepThatFailsLeavesTheFileAsItWas) {
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kFirst}}));
  ASSERT_TRUE(database.Run("INSERT INTO things VALUES ('a', 1, 1)"));
  EXPECT_FALSE(database.Open({{"things", kBroken}}));
  ASSERT_TRUE(database.Open({{"things", kFirst}, {"others", kOther}})) << "nothing of the broken step is left";
  EXPECT_THAT(Names(database), ElementsAre("a"));
}

TEST_F(DbTest, AFileOfANewerHostlerIsRefusedAndLeftAlone) {
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kSecond}}));
  const auto refused = database.Open({{"things", kFirst}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().name, "newer_database");
  EXPECT_FALSE(refused.error().remedy.empty());
  EXPECT_EQ(database.Run("DELETE FROM things").error(), refused.error()) << "every later call says the same";
  EXPECT_TRUE(database.Open({{"things", kSecond}}));
  ASSERT_TRUE(database.RunScript("PRAGMA user_version=9"));
  EXPECT_EQ(database.Open({{"things", kSecond}}).error().name, "newer_database");
}

TEST_F(DbTest, AFileOfAnotherProgramIsRefused) {
  {
    Database database(file_);
    ASSERT_TRUE(database.Open({{"things", kFirst}}));
    ASSERT_TRUE(database.RunScript("PRAGMA application_id=7"));
  }
  Database database(file_);
  const auto refused = database.Open({{"things", kFirst}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("another program"));
}

TEST_F(DbTest, ABrokenFileIsSetAsideAndSaysSo) {
  for (const bool whole : {true, false}) {
    const std::filesystem::path file = folder_.path() / (whole ? "whole.db" : "part.db");
    std::string content =
        "this was never a database, and it is longer than a header of SQLite, which has a hundred bytes ........";
    if (!whole) {
      {
        Database database(file);
        ASSERT_TRUE(database.Open({{"things", kFirst}}));
        auto transaction = database.Begin(Durability::kProcess);
        for (int i = 0; i < 1000; ++i) ASSERT_TRUE(database.Run("INSERT INTO things VALUES (?, 1, 1)", std::to_string(i)));
        ASSERT_TRUE(transaction->Commit());
      }
      content = os::ReadFile(file).value();
      ASSERT_GT(content.size(), 12000U);
      content.replace(8192, 4096, std::string(4096, '\x5a'));  // a page in the middle
    }
    ASSERT_TRUE(os::WriteFileAtomically(file, content));
    Database database(file);
    const auto opened = database.Open({{"things", kFirst}});
    ASSERT_TRUE(opened) << opened.error().Text();
    ASSERT_THAT(opened->warnings, ElementsAre(HasSubstr("was broken")));
    EXPECT_THAT(Names(database), IsEmpty());
    ASSERT_TRUE(database.Run("INSERT INTO things VALUES ('new', 1, 1)"));
    std::vector<std::string> aside;
    for (const std::string& name : Files()) {
      if (name.starts_with(file.filename().string() + ".broken-") && !name.ends_with("-wal") && !name.ends_with("-shm"))
        aside.push_back(name);
    }
    ASSERT_THAT(aside, SizeIs(1));
    EXPECT_EQ(os::ReadFile(folder_.path() / aside[0]).value(), content) << "nothing of it is lost";
    EXPECT_THAT(opened->warnings[0], HasSubstr(aside[0]));
  }
}

TEST_F(DbTest, WhatCannotBeOpenedSaysWhatToDo) {
  std::filesystem::create_directories(file_);  // a folder of that name
  Database database(file_);
  EXPECT_EQ(database.Run("SELECT 1").error().code, Code::kUnavailable) << "not opened yet";
  const auto refused = database.Open({{"things", kFirst}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr(file_.string()));
  EXPECT_FALSE(refused.error().remedy.empty());
}

TEST_F(DbTest, AFullDiskIsNamedAndLosesNothing) {
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kFirst}}));
  ASSERT_TRUE(database.Run("INSERT INTO things VALUES ('a', 1, 1)"));
  ASSERT_TRUE(database.RunScript("PRAGMA max_page_count=1"));
  const auto refused = database.Run("INSERT INTO things VALUES (?, 1, 1)", std::string(100'000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "disk_full");
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().remedy, HasSubstr(file_.parent_path().string()));
  EXPECT_THAT(Names(database), ElementsAre("a"));
  ASSERT_TRUE(database.RunScript("PRAGMA max_page_count=100000"));
  EXPECT_TRUE(database.Run("INSERT INTO things VALUES ('b', 1, 1)"));
}

TEST_F(DbTest, ManyMayOpenItAtTheSameTime) {
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Database database(file_);
      if (!database.Open({{"things", kFirst}})) ++failed;
      if (!database.Run("INSERT INTO things VALUES (?, 1, 1)", std::to_string(i))) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  Database database(file_);
  ASSERT_TRUE(database.Open({{"things", kFirst}}));
  EXPECT_THAT(Names(database), SizeIs(8));
}

using DbDeathTest = DbTest;
TEST_F(DbDeathTest, AnotherThreadIsABug) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        Database database(file_);
        (void)database.Open({{"things", kFirst}});
        std::thread([&] { (void)database.Run("SELECT 1"); }).join();
      },
      "off its thread");
}

}  // namespace
}  // namespace hostler::db
