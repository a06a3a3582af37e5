#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "os/cgroup.h"
#include "os/files.h"
#include "os/memory.h"
#include "os/testing/temp_folder.h"

namespace hostler::os {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::size_t EntriesIn(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

mode_t ModeOf(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST(FilesTest, ReadsUpToALimit) {
  const TempFolder folder;
  const fs::path file = folder.path() / "file";
  ASSERT_TRUE(WriteFileAtomically(file, "12345"));
  EXPECT_EQ(ReadFile(file, 5).value_or("?"), "12345");
  const auto over = ReadFile(file, 4);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::kTooLarge);
  EXPECT_EQ(ReadFile(folder.path() / "none").error().code, Code::kNotFound);
  EXPECT_EQ(ReadFile(folder.path()).error().code, Code::kInvalid);
  EXPECT_EQ(ReadFile("/dev/zero", 1000).error().code, Code::kTooLarge);  // no size to look at beforehand
  EXPECT_TRUE(ReadFile("/proc/self/status"));
}

TEST(FilesTest, WritesWithModeWhateverTheUmask) {
  const TempFolder folder;
  const mode_t before = ::umask(0077);
  EXPECT_TRUE(WriteFileAtomically(folder.path() / "shared", "x", 0644));
  ::umask(before);
  EXPECT_EQ(ModeOf(folder.path() / "shared"), 0644U);
  EXPECT_TRUE(WriteFileAtomically(folder.path() / "secret", "x"));
  EXPECT_EQ(ModeOf(folder.path() / "secret"), 0600U);
  EXPECT_TRUE(WriteFileAtomically(folder.path() / std::string(255, 'n'), "longest name"));
  EXPECT_EQ(EntriesIn(folder.path()), 3U);
}

TEST(FilesTest, AFailedWriteLeavesTheOldContentAndNoLitter) {
  const TempFolder folder;
  fs::create_directories(folder.path() / "place" / "inner");  // a folder that is not empty cannot be replaced, not even by root
  const auto failed = WriteFileAtomically(folder.path() / "place", "new");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("place"));
  EXPECT_TRUE(fs::is_directory(folder.path() / "place" / "inner"));
  EXPECT_EQ(EntriesIn(folder.path()), 1U);
  EXPECT_EQ(WriteFileAtomically(folder.path() / "none" / "file", "x").error().code, Code::kNotFound);
}

// A limit on the file size stands in for a full disk: the write breaks off in the middle.
TEST(FilesTest, AWriteThatBreaksOffLeavesTheOldContent) {
  const TempFolder folder;
  const fs::path file = folder.path() / "file";
  ASSERT_TRUE(WriteFileAtomically(file, "old"));
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 4096, .rlim_max = 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(WriteFileAtomically(file, std::string(10000, 'n')) ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(file).value_or("?"), "old");
  EXPECT_EQ(EntriesIn(folder.path()), 1U);
}

TEST(FilesTest, MakesFolders) {
  const TempFolder folder;
  EXPECT_TRUE(MakeDirectories(folder.path() / "a" / "b" / "c"));
  EXPECT_TRUE(MakeDirectories(folder.path() / "a" / "b" / "c" / ""));  // again
  EXPECT_EQ(ModeOf(folder.path() / "a" / "b"), 0700U);
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_FALSE(MakeDirectories(folder.path() / "file" / "d"));
}

TEST(LockFileTest, TellsWhoHoldsItAndEndsWithItsProcess) {
  const TempFolder folder;
  const fs::path path = folder.path() / "lock";
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = LockFile::Take(path);
    (void)!::write(ends[1], lock ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ends[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  const auto refused = LockFile::Take(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("another hostler (pid " + std::to_string(holder) + ")"));
  EXPECT_FALSE(refused.error().remedy.empty());

  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  {
    const auto taken = LockFile::Take(path);
    ASSERT_TRUE(taken) << taken.error().Text();
    EXPECT_EQ(ReadFile(path).value_or("?"), std::to_string(::getpid()) + "\n");
    EXPECT_EQ(ModeOf(path), 0600U);
    EXPECT_FALSE(LockFile::Take(path));
  }
  EXPECT_TRUE(LockFile::Take(path));
  ::close(ends[0]);
  ::close(ends[1]);
}

bool Connects(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  EXPECT_LT(path.size(), sizeof address.sun_path);
  std::strcpy(address.sun_path, path.c_str());
  const Descriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

TEST(ListenUnixTest, ReplacesAStaleSocketButNotALiveOneOrAFile) {
  const TempFolder folder;
  const fs::path path = folder.path() / "s";
  {
    const auto first = ListenUnix(path);
    ASSERT_TRUE(first) << first.error().Text();
    EXPECT_EQ(ModeOf(path), 0600U);
    EXPECT_TRUE(Connects(path));
    const auto second = ListenUnix(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kConflict);
    EXPECT_TRUE(Connects(path));
  }
  EXPECT_FALSE(Connects(path));  // stale
  const auto again = ListenUnix(path);
  ASSERT_TRUE(again) << again.error().Text();
  EXPECT_TRUE(Connects(path));

  std::ofstream(folder.path() / "file") << "precious";
  EXPECT_FALSE(ListenUnix(folder.path() / "file"));
  EXPECT_EQ(ReadFile(folder.path() / "file").value_or("?"), "precious");
  EXPECT_EQ(ListenUnix(folder.path() / "none" / "s").error().code, Code::kNotFound);
}

TEST(ListenUnixTest, BindsLongPaths) {
  const TempFolder folder;
  const fs::path deep = folder.path() / std::string(100, 'a') / std::string(100, 'b');
  ASSERT_TRUE(MakeDirectories(deep));
  for (int round = 0; round < 2; ++round) {  // the second replaces the first's stale socket
    const auto listener = ListenUnix(deep / "socket");
    ASSERT_TRUE(listener) << listener.error().Text();
    const Descriptor handle(::open(deep.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(Connects(ShortPath(handle.get(), "socket")));
    EXPECT_EQ(ModeOf(deep / "socket"), 0600U);
  }
  const auto too_long = ListenUnix(deep / std::string(200, 'c'));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Code::kInvalid);
}

TEST(ConfineTest, KeepsInsideTheRoots) {
  const TempFolder folder;
  const fs::path root = fs::canonical(folder.path()) / "root";
  fs::create_directories(root / "sub");
  fs::create_directories(folder.path() / "root-beside");
  std::ofstream(root / "sub" / "file") << "x";
  std::ofstream(folder.path() / "root-beside" / "file") << "x";
  fs::create_symlink("/etc/passwd", root / "out");
  fs::create_symlink("sub", root / "in");
  fs::create_symlink("loop", root / "loop");
  fs::create_directory_symlink(root, folder.path() / "link-to-root");
  const auto code = [&](const fs::path& path) {
    const auto result = Confine(path, {folder.path() / "none", folder.path() / "link-to-root"});
    return result ? std::string("inside") : std::string(CodeName(result.error().code));
  };
  EXPECT_EQ(Confine(folder.path() / "link-to-root" / "in" / "file", {root}).value_or(""), root / "sub" / "file");
  EXPECT_EQ(code(root), "inside");
  EXPECT_EQ(code(root / "sub" / ".." / "sub" / "file"), "inside");
  EXPECT_EQ(code(root / "out"), "forbidden");
  EXPECT_EQ(code(root / "loop"), "forbidden");
  EXPECT_EQ(code(root / ".."), "forbidden");
  EXPECT_EQ(code(root / ".." / "root-beside" / "file"), "forbidden");
  EXPECT_EQ(code(root / "none"), "not_found");
  EXPECT_EQ(code(root / "sub" / "file" / "below"), "not_found");
  EXPECT_EQ(code(root / ".." / "none"), "forbidden");  // the same as for a file that exists
  EXPECT_EQ(code("/etc/none"), "forbidden");
  EXPECT_EQ(code(""), "bad_request");
  EXPECT_EQ(code(std::string("/etc\0/x", 7)), "bad_request");
  EXPECT_FALSE(Confine(root, {}));
}

TEST(ProgramFolderTest, IsWhereThisProgramLies) {
  EXPECT_TRUE(fs::exists(ProgramFolder() / "os_test"));
}

TEST(SystemTest, MemoryAndCoresArePlausible) {
  const SystemMemory memory = ReadSystemMemory();
  EXPECT_GT(memory.total_mb, 64);
  EXPECT_GT(memory.available_mb, 0);
  EXPECT_LE(memory.available_mb, memory.total_mb);
  EXPECT_GE(PhysicalCores(), 1);
  EXPECT_LE(PhysicalCores(), static_cast<int>(std::thread::hardware_concurrency()));
}

void Put(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(CgroupTest, TheTightestLimitOnTheWayUpBindsInVersion2) {
  const TempFolder folder;
  const fs::path mount = folder.path() / "mount";
  Put(folder.path() / "self", "0::/user/hostler\n");
  Put(mount / "user/hostler/cpu.max", "max 100000\n");
  Put(mount / "user/hostler/memory.max", "max\n");
  Put(mount / "user/cpu.max", "150000 100000\n");
  Put(mount / "user/memory.max", "1073741824\n");
  Put(mount / "user/memory.current", "536870912\n");
  Put(mount / "user/memory.stat", "anon 1\ninactive_file 104857600\n");
  const CgroupLimits limits = ReadCgroupLimits(folder.path() / "self", mount);
  EXPECT_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.memory_mb, 1024);
  EXPECT_EQ(limits.memory_free_mb, 612);
}

TEST(CgroupTest, ReadsVersion1FromTheMountWhenTheGroupIsHidden) {
  const TempFolder folder;
  const fs::path mount = folder.path() / "mount";
  Put(folder.path() / "self", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n");
  Put(mount / "cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
  Put(mount / "cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  Put(mount / "memory/memory.limit_in_bytes", "9223372036854771712\n");
  const CgroupLimits limits = ReadCgroupLimits(folder.path() / "self", mount);
  EXPECT_EQ(limits.cpus, 0.5);
  EXPECT_FALSE(limits.memory_mb);
  EXPECT_FALSE(ReadCgroupLimits(folder.path() / "none", mount).cpus);
}

}  // namespace
}  // namespace hostler::os
