// What happens when the store fails, or a process dies for real.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "os/files.h"
#include "os/process.h"
#include "tasks/owner.h"
#include "tasks/testing/daemon.h"

namespace hostler::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Options Quick(std::string owner) {
  Options options;
  options.owner = std::move(owner);
  options.renew_s = 0.05;
  options.look_s = 0.05;
  return options;
}

std::vector<std::string> Messages(log::Log& log) {
  std::vector<std::string> messages;
  for (const auto& item : log.ring().Read(0).entries) messages.push_back(item.entry->message);
  return messages;
}

const Error kFull{Code::kUnavailable, "cannot write", "Free some space.", {}, "disk_full"};

TEST(FailingStoreTest, ATaskGoesOnWithAWarningAndIsWrittenLater) {
  Script script;
  Records records(StoreKind::kMemory);
  log::Log log("hostler", log::Level::kInfo, false);
  Options options = Quick("A");
  options.log = &log;
  Daemon daemon(records, script, options);
  ASSERT_TRUE(daemon.Open());
  const std::string id = daemon.Start("x")->record.id;
  Handle& handle = script.Began("x");
  records.memory().FailWrites(kFull);
  handle.Show(Progress{"downloading", 1, 9, {}, {}, {}, 0, 1, {}});
  daemon.Until(id, [](const Record& record) { return !record.progress.warnings.empty(); });
  EXPECT_THAT(daemon.tasks().Get(id)->progress.warnings, ElementsAre(HasSubstr("Free some space.")));
  EXPECT_FALSE(handle.lost());
  const auto refused = daemon.Start("y");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_EQ(refused.error().remedy, "Free some space.");
  script.End("x");
  daemon.Until(id, Status::kCompleted);
  EXPECT_EQ(daemon.tasks().ActiveOf("x"), std::nullopt);
  EXPECT_EQ(records.memory().Get(id).value()->status, Status::kRunning);
  EXPECT_THAT(Messages(log), ElementsAre(HasSubstr("are not kept")));
  records.memory().FailWrites(std::nullopt);
  const auto again = daemon.Start("x");  // the ending that was not written does not stand in its way
  ASSERT_TRUE(again) << again.error().Text();
  EXPECT_FALSE(again->joined);
  EXPECT_EQ(records.memory().Get(id).value()->status, Status::kCompleted);
  script.Began("x", 2);
  EXPECT_THAT(daemon.tasks().Get(again->record.id)->progress.warnings, IsEmpty());
  EXPECT_THAT(Messages(log), ElementsAre(HasSubstr("are not kept"), HasSubstr("kept again")));
}

TEST(FailingStoreTest, AnEndingThatWasNotWrittenIsWrittenAtTheNextLook) {
  Script script;
  Records records(StoreKind::kMemory);
  Daemon daemon(records, script, Quick("A"));
  Daemon other(records, script, Quick("B"));
  ASSERT_TRUE(daemon.Open());
  ASSERT_TRUE(other.Open());
  const std::string id = daemon.Start("x")->record.id;
  script.Began("x");
  other.Until(id, Status::kRunning);
  records.memory().FailWrites(kFull);
  script.End("x");
  daemon.Until(id, Status::kCompleted);
  records.memory().FailWrites(std::nullopt);
  other.Until(id, Status::kCompleted);
}

TEST(FailingStoreTest, AStoreThatCannotBeOpenedSaysWhatToDo) {
  const os::TempFolder folder;
  Script script;  // outlives the loop, and with it the runners' frames
  std::ofstream(folder.path() / "file") << "in the way";
  db::Database database(folder.path() / "file" / "hostler.db");
  SqliteStore store(database);
  Pool pool("db", 1);
  Loop loop("tasks");
  Loop caller("caller");
  loop.Start();
  caller.Start();
  auto open = [](Pool& on, db::Database& what) -> Task<bool> {
    const auto opened = co_await on.Run([&what] { return what.Open({kMigrations}); });
    co_return opened.has_value();
  };
  EXPECT_FALSE(Get(caller, open(pool, database)));
  Tasks tasks(store, pool, loop, {{Operation::kDownload, script.runner()}}, Quick("A"));
  const auto opened = Get(caller, tasks.Open());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnavailable);
  const auto started = Get(caller, tasks.StartOrJoin("x", Operation::kDownload, "{}"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr(folder.path().string()));
  EXPECT_FALSE(started.error().remedy.empty());
  EXPECT_THAT(tasks.List(), IsEmpty());
  // The folder is mended, the database opened: all is well without a restart.
  std::filesystem::remove(folder.path() / "file");
  EXPECT_TRUE(Get(caller, open(pool, database)));
  EXPECT_TRUE(Get(caller, tasks.StartOrJoin("x", Operation::kDownload, "{}")));
  loop.Stop();
  loop.Join();
}

TEST(FailingStoreTest, AFullDiskIsNamed) {
  Script script;
  Records records(StoreKind::kSqlite);
  Daemon daemon(records, script, Quick("A"));
  ASSERT_TRUE(daemon.Open());
  ASSERT_TRUE(daemon.InStore([&](Store&) { return daemon.database()->RunScript("PRAGMA max_page_count=1"); }));
  std::optional<Error> refused;
  const std::string payload(100'000, 'x');
  if (const auto started = daemon.Do(daemon.tasks().StartOrJoin("x", Operation::kDownload, payload)); !started) {
    refused = started.error();
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->name, "disk_full");
  EXPECT_EQ(refused->code, Code::kUnavailable);
  ASSERT_TRUE(daemon.InStore([&](Store&) { return daemon.database()->RunScript("PRAGMA max_page_count=1000000"); }));
  EXPECT_TRUE(daemon.Do(daemon.tasks().StartOrJoin("x", Operation::kDownload, payload)));
}

// ---- a process that is really killed ----

constexpr const char* kFileVariable = "HOSTLER_TASKS_TEST_FILE";
constexpr int kReadyDescriptor = 3;

// The child: starts a task, says so, and runs until it is killed.
TEST(KilledProcessTest, DISABLED_Child) {
  const char* file = std::getenv(kFileVariable);
  ASSERT_NE(file, nullptr);
  Script script;
  Records records{std::filesystem::path(file)};
  Options options;  // a name of its own, a lease of a minute
  Daemon daemon(records, script, options);
  ASSERT_TRUE(daemon.Open());
  ASSERT_TRUE(daemon.Start("x"));
  script.Began("x");
  ASSERT_EQ(::write(kReadyDescriptor, "!", 1), 1);
  ::pause();
}

TEST(KilledProcessTest, ItsTasksAreTakenOverAtOnce) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  Records records(StoreKind::kSqlite);
  os::SpawnOptions child;
  child.program = std::filesystem::read_symlink("/proc/self/exe");
  child.arguments = {"--gtest_also_run_disabled_tests", "--gtest_filter=KilledProcessTest.DISABLED_Child"};
  child.environment = os::Environment({std::string(kFileVariable) + "=" + records.file().string()});
  child.descriptors = {{ready[1], kReadyDescriptor}};
  auto spawned = os::Spawn(child);
  ASSERT_TRUE(spawned) << spawned.error().Text();
  ::close(ready[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1) << "the child did not get so far";
  ::close(ready[0]);

  Script script;
  Options options = Quick("");
  options.lease_s = 3600;  // so that only its death counts
  Daemon daemon(records, script, options);
  ASSERT_TRUE(daemon.Open());
  const auto seen = daemon.tasks().ActiveOf("x");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->status, Status::kRunning);
  EXPECT_FALSE(IsDead(seen->owner));
  spawned->Signal(SIGKILL);
  const Handle& handle = script.Began("x");  // found dead at a look, though nobody has collected it yet
  EXPECT_EQ(handle.record().id, seen->id);
  EXPECT_EQ(handle.record().epoch, 2);
  EXPECT_TRUE(IsDead(seen->owner));
  *spawned = os::Child();  // collected
  EXPECT_TRUE(IsDead(seen->owner));
  script.End("x");
  daemon.Until(seen->id, Status::kCompleted);
}

TEST(OwnerTest, OnlyWhatIsKnownToBeDeadIsDead) {
  const std::string me = NewOwner();
  EXPECT_NE(me, NewOwner());
  EXPECT_FALSE(IsDead(me));
  for (const char* unknown : {"", "A", "elsewhere/1/2/3", "///", "a/b/c/d"}) EXPECT_FALSE(IsDead(unknown)) << unknown;
  const std::string host = me.substr(0, me.find('/'));
  EXPECT_TRUE(IsDead(host + "/" + std::to_string(::getpid()) + "/1/x")) << "another process had the number";
  EXPECT_TRUE(IsDead(host + "/2147483646/1/x"));
  EXPECT_FALSE(IsDead(host + "/nonsense/1/x"));
  EXPECT_FALSE(IsDead(host + "/-1/1/x"));
}

}  // namespace
}  // namespace hostler::tasks
