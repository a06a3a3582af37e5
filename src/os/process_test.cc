#include "os/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "os/memory.h"
#include "os/testing/temp_folder.h"

namespace hostler::os {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Pipe {
  Descriptor out, in;  // read end, write end
};

Pipe MakePipe() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

SpawnOptions Shell(const std::string& script, std::vector<std::pair<int, int>> descriptors = {}) {
  return {
      .program = "/bin/sh", .arguments = {"-c", script}, .environment = Environment({}), .descriptors = std::move(descriptors)};
}

void AwaitReadable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&wait, 1, -1) < 0) ASSERT_EQ(errno, EINTR);
}

std::string ReadLine(const Descriptor& pipe) {
  std::string line;
  char c = 0;
  while (::read(pipe.get(), &c, 1) == 1 && c != '\n') line += c;
  return line;
}

std::string ReadRest(const Descriptor& pipe) {
  std::string text;
  char c = 0;
  while (::read(pipe.get(), &c, 1) == 1) text += c;
  return text;
}

Exit Await(Child& child) {
  AwaitReadable(child.pidfd());
  const auto exit = child.TryReap();
  EXPECT_TRUE(exit);
  return exit.value_or(Exit{});
}

bool Runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  return !text.empty() && !text.contains(") Z") && !text.contains(") X");
}

std::string LinkOf(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

TEST(SpawnTest, ChildSeesExactlyTheHandedDescriptors) {
  Pipe pipe = MakePipe();
  const Pipe input = MakePipe();
  const Descriptor leaky(::open("/dev/zero", O_RDONLY));  // inheritable, as a library might leave one
  const Descriptor handed(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  auto child = Spawn(Shell("echo ready; read line", {{pipe.in.get(), 1}, {input.out.get(), 0}, {handed.get(), 7}}));
  ASSERT_TRUE(child) << child.error().Text();
  ASSERT_EQ(ReadLine(pipe.out), "ready");  // past the loader, which opens libraries
  std::map<int, std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(child->pid()) + "/fd")) {
    seen[std::stoi(entry.path().filename())] = LinkOf(entry.path());
  }
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_THAT(seen[0], HasSubstr("pipe:"));
  EXPECT_THAT(seen[1], HasSubstr("pipe:"));
  EXPECT_NE(seen[0], seen[1]);
  EXPECT_EQ(seen[2], "/dev/null");
  EXPECT_EQ(seen[7], "/dev/full");
}

// Source 3 goes to 4 while source 4 goes to 3, and so on in a circle: no one may overwrite another.
TEST(SpawnTest, DescriptorsMayTradePlaces) {
  const TempFolder folder;
  std::vector<Descriptor> files;
  for (int i = 0; i < 4; ++i) {
    const std::string name = folder.path() / std::to_string(i);
    std::ofstream(name) << i;
    files.emplace_back(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  }
  Pipe pipe = MakePipe();
  std::vector<std::pair<int, int>> descriptors = {{pipe.in.get(), 1}};
  std::string script;
  std::string expected;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const int target = files[(i + 1) % files.size()].get();
    descriptors.emplace_back(files[i].get(), target);
    script += "cat /proc/self/fd/" + std::to_string(target) + ";";
    expected += std::to_string(i);
  }
  descriptors.emplace_back(files[0].get(), files[0].get() + 40);  // twice
  script += "cat /proc/self/fd/" + std::to_string(files[0].get() + 40);
  auto child = Spawn(Shell(script, descriptors));
  ASSERT_TRUE(child) << child.error().Text();
  pipe.in.Close();
  EXPECT_EQ(ReadRest(pipe.out), expected + "0");
}

TEST(SpawnTest, FailureNamesTheProgramTheReasonAndARemedy) {
  const TempFolder folder;
  auto missing = Spawn({.program = folder.path() / "engine"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr((folder.path() / "engine").string()));
  EXPECT_THAT(missing.error().message, HasSubstr("No such file"));
  EXPECT_FALSE(missing.error().remedy.empty());

  const auto file = folder.path() / "text";
  std::ofstream(file) << "#!/no/such/interpreter\n";
  auto not_executable = Spawn({.program = file});
  ASSERT_FALSE(not_executable);
  EXPECT_EQ(not_executable.error().code, Code::kForbidden);
  EXPECT_THAT(not_executable.error().remedy, HasSubstr("chmod"));

  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  auto no_interpreter = Spawn({.program = file});
  ASSERT_FALSE(no_interpreter);
  EXPECT_THAT(no_interpreter.error().remedy, HasSubstr("#!"));

  std::ofstream(file) << "junk";
  auto no_program = Spawn({.program = file});
  ASSERT_FALSE(no_program);
  EXPECT_EQ(no_program.error().code, Code::kUnsupported);

  SpawnOptions elsewhere = Shell("true");
  elsewhere.directory = folder.path() / "nowhere";
  auto no_directory = Spawn(elsewhere);
  ASSERT_FALSE(no_directory);
  EXPECT_THAT(no_directory.error().message, HasSubstr("nowhere"));

  EXPECT_FALSE(Spawn({.program = "/bin/sh", .descriptors = {{-1, 3}}}));
  EXPECT_FALSE(Spawn({.program = "/bin/sh", .descriptors = {{1000, 3}}}));
  EXPECT_FALSE(Spawn({.program = "/bin/sh", .arguments = {std::string("a\0b", 3)}}));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // none of them is left unreaped
}

TEST(SpawnTest, HandsArgumentsEnvironmentAndFolder) {
  const TempFolder folder;
  Pipe pipe = MakePipe();
  SpawnOptions options = Shell("echo \"$0 $1|$ONE|$HOME|$(pwd -P)\"", {{pipe.in.get(), 1}});
  options.arguments.insert(options.arguments.end(), {"zero", "a b"});
  options.environment = {"ONE=1 2", "PATH=/bin:/usr/bin"};
  options.directory = folder.path();
  auto child = Spawn(options);
  ASSERT_TRUE(child) << child.error().Text();
  EXPECT_EQ(ReadLine(pipe.out), "zero a b|1 2||" + std::filesystem::canonical(folder.path()).string());
}

TEST(SpawnTest, BlockedAndIgnoredSignalsAreNotInherited) {
  sigset_t set;
  sigset_t before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  const auto old = ::signal(SIGTERM, SIG_IGN);
  auto child = Spawn(Shell("kill -TERM $$; exit 5"));
  ::signal(SIGTERM, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(child);
  EXPECT_EQ(Await(*child).Text(), "signal 15 (SIGTERM)");
}

TEST(ChildTest, ReapsWithStatusOrSignal) {
  auto first = Spawn(Shell("exit 3"));
  ASSERT_TRUE(first);
  EXPECT_EQ(Await(*first).Text(), "exit status 3");
  EXPECT_EQ(first->pid(), 0);
  EXPECT_FALSE(first->TryReap());
  first->Signal(SIGKILL);  // 0 is our own group: nothing may happen
  first->SignalGroup(SIGKILL);

  Pipe pipe = MakePipe();
  auto second = Spawn(Shell("read line", {{pipe.out.get(), 0}}));
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->TryReap());
  second->Signal(SIGSEGV);
  const Exit exit = Await(*second);
  EXPECT_TRUE(exit.signalled);
  EXPECT_EQ(exit.Text(), "signal 11 (SIGSEGV)");
}

// The grandchild holds the pipe open: the end of the file is its end.
TEST(ChildTest, DestructionTakesGrandchildren) {
  Pipe pipe = MakePipe();
  {
    auto child = Spawn(Shell("sleep 1000 & echo $!; wait", {{pipe.in.get(), 1}}));
    ASSERT_TRUE(child);
    pipe.in.Close();
    ASSERT_TRUE(Runs(std::stoi(ReadLine(pipe.out))));
  }
  EXPECT_EQ(ReadRest(pipe.out), "");
}

TEST(ChildTest, ReapingACrashedLeaderTakesWhatItLeft) {
  Pipe pipe = MakePipe();
  auto child = Spawn(Shell("sleep 1000 & exit 1", {{pipe.in.get(), 1}}));
  ASSERT_TRUE(child);
  pipe.in.Close();
  EXPECT_EQ(Await(*child).status, 1);
  EXPECT_EQ(ReadRest(pipe.out), "");
}

TEST(ChildTest, MovingLeavesOneOwner) {
  auto child = Spawn(Shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  const pid_t pid = child->pid();
  {
    Child other = std::move(*child);
    EXPECT_EQ(child->pid(), 0);
    EXPECT_EQ(other.pid(), pid);
    EXPECT_TRUE(Runs(pid));
    other = Child();
    EXPECT_EQ(other.pid(), 0);
  }
  EXPECT_FALSE(Runs(pid));
}

TEST(ChildTest, DiesWhenTheParentIsKilled) {
  Pipe pipe = MakePipe();
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    auto child = Spawn({.program = "/bin/sleep", .arguments = {"1000"}, .environment = Environment({})});
    const std::string line = std::to_string(child ? child->pid() : 0) + "\n";
    (void)!::write(pipe.in.get(), line.data(), line.size());
    for (;;) ::pause();
  }
  const pid_t grandchild = std::stoi(ReadLine(pipe.out));
  ASSERT_GT(grandchild, 0);
  const Descriptor watch(static_cast<int>(::syscall(SYS_pidfd_open, grandchild, 0)));
  ASSERT_TRUE(watch);
  EXPECT_TRUE(Runs(grandchild));
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  AwaitReadable(watch.get());
  EXPECT_FALSE(Runs(grandchild));
}

TEST(EnvironmentTest, AppliesChanges) {
  ::setenv("PROCESS_TEST_A", "1", 1);
  ::setenv("PROCESS_TEST_B", "2", 1);
  const auto variables = Environment({"PROCESS_TEST_A", "PROCESS_TEST_B=3=4", "PROCESS_TEST_C="});
  std::multiset<std::string> ours;
  for (const auto& entry : variables) {
    if (entry.starts_with("PROCESS_TEST_")) ours.insert(entry);
  }
  EXPECT_THAT(ours, ElementsAre("PROCESS_TEST_B=3=4", "PROCESS_TEST_C="));
}

TEST(EnvironmentTest, FindsProcessesByAnEntry) {
  const std::string mark = "HOSTLER_TEST_MARK=" + std::to_string(::getpid());
  Pipe ready = MakePipe();
  const Pipe input = MakePipe();
  SpawnOptions options = Shell("echo ready; read never", {{input.out.get(), 0}, {ready.in.get(), 1}});
  options.environment = Environment({mark});
  auto child = Spawn(options);
  ASSERT_TRUE(child);
  // Spawn() returns when exec has closed our descriptors, a moment before the kernel shows the new environment.
  ASSERT_EQ(ReadLine(ready.out), "ready");
  EXPECT_THAT(FindByEnvironment(mark), ElementsAre(child->pid()));
  EXPECT_TRUE(FindByEnvironment(mark + "0").empty());
  EXPECT_TRUE(FindByEnvironment("TEST_MARK=" + std::to_string(::getpid())).empty());  // whole entries only
}

TEST(MemoryTest, CountsAProcessAndItsGroup) {
  const auto own = ReadPssMb(::getpid());
  ASSERT_TRUE(own);
  EXPECT_GT(*own, 0.5);
  EXPECT_GT(*ReadResidentMb(::getpid()), 0.5);

  Pipe pipe = MakePipe();
  auto child = Spawn(Shell("sleep 1000 & echo ready; wait", {{pipe.in.get(), 1}}));
  ASSERT_TRUE(child);
  ReadLine(pipe.out);
  const pid_t pid = child->pid();
  const auto alone = ReadPssMb(pid);
  const auto group = ReadGroupPssMb(pid);
  ASSERT_TRUE(alone && group);
  EXPECT_GT(*group, *alone);
  *child = Child();
  pipe.in.Close();
  EXPECT_EQ(ReadRest(pipe.out), "");  // the grandchild is gone too
  EXPECT_FALSE(ReadPssMb(pid));
  EXPECT_FALSE(ReadGroupPssMb(pid));
}

}  // namespace
}  // namespace hostler::os
