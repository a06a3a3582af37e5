#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "store/cache.h"
#include "store/folder.h"
#include "store/testing/filled.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;
using testing::FileOf;
using ::testing::HasSubstr;
using testing::kCommit;
using testing::Read;

const model::Repo kRepo{model::RepoKind::kModel, "lab/small"};

class PartialTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cache.Prepare(kRepo, kCommit, {large, small})); }
  [[nodiscard]] fs::path Blob(const std::string& etag) const { return cache.FolderOf(kRepo) / "blobs" / etag; }
  [[nodiscard]] fs::path Under(const std::string& etag) const { return Blob(etag + ".hostler.incomplete"); }

  testing::TemporaryFolder folder;
  Cache cache{folder.path()};
  std::string content = std::string(3 << 20, 'x') + "end";
  model::RepoFile large = FileOf("a.bin", content, true);
  model::RepoFile small = FileOf("a.txt", content);
};

TEST_F(PartialTest, GoesOnWhereItWasLeft) {
  for (const model::RepoFile& file : {large, small}) {
    {
      auto partial = cache.OpenPartial(kRepo, file.etag(), file.size);
      ASSERT_TRUE(partial);
      ASSERT_TRUE(partial->Append(std::string_view(content).substr(0, 2'000'000)));
    }
    EXPECT_EQ(Read(Under(file.etag())), content.substr(0, 2'000'000));
    auto partial = cache.OpenPartial(kRepo, file.etag(), file.size);
    ASSERT_TRUE(partial);
    EXPECT_EQ(partial->size(), 2'000'000U);
    ASSERT_TRUE(partial->HashPresent());
    ASSERT_TRUE(partial->Append(std::string_view(content).substr(2'000'000)));
    ASSERT_TRUE(partial->Finish());
    EXPECT_EQ(Read(Blob(file.etag())), content);
    EXPECT_FALSE(fs::exists(Under(file.etag())));
  }
}

TEST_F(PartialTest, WrongContentIsRefusedAndGone) {
  auto partial = cache.OpenPartial(kRepo, large.etag(), large.size);
  ASSERT_TRUE(partial->Append(std::string(content.size(), 'y')));
  const auto done = partial->Finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kUpstream);
  EXPECT_EQ(done.error().name, "corrupt");
  EXPECT_FALSE(fs::exists(Under(large.etag())));
  EXPECT_FALSE(fs::exists(Blob(large.etag())));
}

TEST_F(PartialTest, TooMuchIsNotWrittenAndTooLittleStays) {
  auto partial = cache.OpenPartial(kRepo, large.etag(), large.size);
  ASSERT_TRUE(partial->Append("x"));
  EXPECT_EQ(partial->Append(content).error().name, "corrupt");
  EXPECT_EQ(partial->size(), 1U);
  EXPECT_EQ(partial->Finish().error().name, "network");
  EXPECT_EQ(Read(Under(large.etag())), "x");
  ASSERT_TRUE(partial->Restart());
  EXPECT_EQ(partial->size(), 0U);
  ASSERT_TRUE(partial->Append(content));
  EXPECT_TRUE(partial->Finish());
}

TEST_F(PartialTest, LongerThanItsBlobIsNoPrefix) {
  testing::Write(Under(large.etag()), content + "more");
  EXPECT_EQ(cache.OpenPartial(kRepo, large.etag(), large.size)->size(), 0U);
}

TEST_F(PartialTest, OneWriterAtATime) {
  {
    const auto first = cache.OpenPartial(kRepo, large.etag(), large.size);
    ASSERT_TRUE(first);
    const auto second = cache.OpenPartial(kRepo, large.etag(), large.size);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kConflict);
    EXPECT_EQ(second.error().name, "busy");
  }
  EXPECT_TRUE(cache.OpenPartial(kRepo, large.etag(), large.size));
}

TEST_F(PartialTest, TheTwoHalvesMayRunAtOnce) {
  auto partial = cache.OpenPartial(kRepo, large.etag(), large.size);
  std::thread hashing([&] {
    for (std::size_t at = 0; at < content.size(); at += 1000) partial->Hash(std::string_view(content).substr(at, 1000));
  });
  for (std::size_t at = 0; at < content.size(); at += 4096)
    EXPECT_TRUE(partial->Write(std::string_view(content).substr(at, 4096)));
  hashing.join();
  EXPECT_TRUE(partial->Finish());
}

// A limit on the size of files stands in for a full disk: the write comes up short in the same way.
TEST_F(PartialTest, AWriteThatFailsLeavesAPrefix) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{1 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  auto partial = cache.OpenPartial(kRepo, large.etag(), large.size);
  const auto done = partial->Append(content);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, ignored);
  ASSERT_FALSE(done);
  EXPECT_EQ(partial->size(), 1U << 20);
  ASSERT_TRUE(partial->Append(std::string_view(content).substr(1 << 20)));  // room again: hash and file still agree
  EXPECT_TRUE(partial->Finish());
}

TEST(DiskErrorTest, SaysWhereWhoAndHowMuch) {
  const auto full = DiskError(ENOSPC, "write", "/tmp/some/blob", 5 << 20);
  EXPECT_EQ(full.code, Code::kUnavailable);
  EXPECT_EQ(full.name, "disk_full");
  EXPECT_THAT(full.message, HasSubstr("5.0 MB more needed"));
  EXPECT_THAT(full.message, HasSubstr(" free"));
  EXPECT_THAT(full.message, HasSubstr("/tmp/some/blob"));
  EXPECT_THAT(DiskError(EDQUOT, "write", "/tmp/x").remedy, HasSubstr("quota"));
  const auto denied = DiskError(EACCES, "write", "/tmp/some/blob");
  EXPECT_EQ(denied.code, Code::kForbidden);
  EXPECT_EQ(denied.name, "permission");
  EXPECT_THAT(denied.message, HasSubstr("folder \"/tmp/some\""));
  EXPECT_THAT(denied.message, HasSubstr("user "));
  EXPECT_EQ(DiskError(EROFS, "write", "/x").name, "permission");
}

// --- locks

// A Python program that holds the lock until its standard input ends.
class PythonHolder {
 public:
  explicit PythonHolder(const fs::path& lock) {
    const std::string script =
        "import fcntl,os,sys; f=os.open(sys.argv[1], os.O_RDWR|os.O_CREAT, 0o664); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()";
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl("/usr/bin/python3", "python3", "-c", script.c_str(), lock.c_str(), nullptr);
      ::_exit(1);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    char byte = 0;
    held_ = ::read(out[0], &byte, 1) == 1;
    output_ = out[0];
  }
  PythonHolder(const PythonHolder&) = delete;
  PythonHolder& operator=(const PythonHolder&) = delete;
  ~PythonHolder() {
    ::close(input_);
    ::waitpid(pid_, nullptr, 0);
    ::close(output_);
  }
  [[nodiscard]] bool held() const { return held_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  bool held_ = false;
};

TEST_F(PartialTest, PythonAndWeKeepEachOtherOut) {
  const fs::path lock = cache.root() / ".locks/models--lab--small" / (large.etag() + ".lock");
  fs::create_directories(lock.parent_path());
  {
    const PythonHolder python(lock);
    ASSERT_TRUE(python.held());
    const auto ours = cache.TryLock(kRepo, large.etag());
    ASSERT_TRUE(ours);
    EXPECT_FALSE(ours->has_value());
    EXPECT_TRUE(cache.TryLock(kRepo, small.etag())->has_value());  // another blob's is free
  }
  const auto ours = cache.TryLock(kRepo, large.etag());
  ASSERT_TRUE(ours && ours->has_value());
  const std::string tried = testing::Run(
      "/usr/bin/python3 -c \"import fcntl,os,sys\nf=os.open(sys.argv[1], os.O_RDWR)\ntry:\n "
      "fcntl.flock(f, fcntl.LOCK_EX|fcntl.LOCK_NB); print('free')\nexcept BlockingIOError: print('held')\" " +
      lock.string());
  EXPECT_EQ(tried, "held");
}

TEST_F(PartialTest, LockFilesStayWhenTheyAreReleased) {
  const fs::path lock = cache.root() / ".locks/models--lab--small" / (large.etag() + ".lock");
  fs::create_directories(lock.parent_path());
  testing::Write(lock, "");
  fs::permissions(lock, fs::perms(0600));
  const auto inode = [&] {
    struct stat status{};
    return ::stat(lock.c_str(), &status) == 0 ? status.st_ino : 0;
  };
  const auto before = inode();
  ASSERT_TRUE(cache.TryLock(kRepo, large.etag())->has_value());
  EXPECT_EQ(inode(), before);
  EXPECT_EQ(fs::status(lock).permissions(), fs::perms(0600));  // somebody else's, not ours to change
}

// filelock 3.21 to 3.29 removes the file when it lets go: a lock on a file without a name keeps nobody out.
TEST_F(PartialTest, ALockWhoseFileWasRemovedIsTakenAnew) {
  const fs::path lock = cache.root() / ".locks/models--lab--small" / (large.etag() + ".lock");
  const auto stale = cache.TryLock(kRepo, large.etag());
  ASSERT_TRUE(stale && stale->has_value());
  fs::remove(lock);
  const auto fresh = cache.TryLock(kRepo, large.etag());
  ASSERT_TRUE(fresh);
  EXPECT_TRUE(fresh->has_value());
  EXPECT_TRUE(fs::exists(lock));
  EXPECT_FALSE(cache.TryLock(kRepo, large.etag())->has_value());
}

TEST_F(PartialTest, ABadPlaceSaysWhichAndWho) {
  Cache nowhere("/proc/hostler-cache");
  const auto done = nowhere.Prepare(kRepo, kCommit, {});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("/proc/hostler-cache"));
  EXPECT_NE(done.error().remedy, "");
  Cache file(folder.path() / "CACHEDIR.TAG" / "x");
  EXPECT_FALSE(file.Prepare(kRepo, kCommit, {}));
}

}  // namespace
}  // namespace hostler::store
