#include "os/tree.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "os/proc.h"
#include "os/process.h"

namespace hostler::os {
namespace {

// A shell with one child and a mark in their environment; it is ready once it has said so.
Child StartTree(const std::string& script) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const Descriptor in(ends[0]);
  Descriptor out(ends[1]);
  SpawnOptions options;
  options.program = "/bin/sh";
  options.arguments = {"-c", script};
  options.environment = Environment({"HOSTLER_TREE_TEST=7"});
  options.descriptors = {{out.get(), 1}};
  auto child = Spawn(options);
  EXPECT_TRUE(child) << child.error().Text();
  out.Close();
  char byte = 0;
  EXPECT_EQ(::read(in.get(), &byte, 1), 1);
  return std::move(*child);
}

TEST(Tree, IsReadWithAllThatDescends) {
  const Child shell = StartTree("sleep 1000 & echo; wait");
  const auto children = ChildrenOf(::getpid());
  EXPECT_NE(std::ranges::find(children, shell.pid()), children.end());
  const TreeUse use = ReadTreeUse({shell.pid()});
  EXPECT_EQ(use.processes.size(), 2U);
  EXPECT_EQ(use.tasks, 2U);
  EXPECT_GT(use.resident_mb, 0.1);
  EXPECT_TRUE(HasEnvironment(shell.pid(), "HOSTLER_TREE_TEST=7"));
  EXPECT_FALSE(HasEnvironment(shell.pid(), "HOSTLER_TREE_TEST="));
  EXPECT_NE(DescribeProcess(shell.pid()).find("/bin/sh -c sleep 1000"), std::string::npos);
}

TEST(Tree, OrphansBecomeOurs) {
  ASSERT_TRUE(AdoptOrphans());
  Child shell = StartTree("setsid sleep 1000 & setsid sleep 1000 & echo; exit 0");
  siginfo_t end{};
  ::waitid(P_PID, static_cast<id_t>(shell.pid()), &end, WEXITED | WNOWAIT);
  ASSERT_TRUE(shell.TryReap());
  std::size_t ended = 0;
  for (const pid_t pid : ChildrenOf(::getpid())) {
    ++ended;
    if (ReapIfDead(pid)) continue;  // still in the group when that was killed
    ::kill(pid, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    EXPECT_TRUE(ReapIfDead(pid));
    EXPECT_FALSE(ReapIfDead(pid));
  }
  EXPECT_EQ(ended, 2U);
}

TEST(Tree, StoppedIsSeen) {
  const Child shell = StartTree("echo; exec sleep 1000");
  EXPECT_FALSE(IsStopped(shell.pid()));
  shell.Signal(SIGSTOP);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(shell.pid()), &info, WSTOPPED | WNOWAIT);
  EXPECT_TRUE(IsStopped(shell.pid()));
}

TEST(Spawn, LimitsAreTheChilds) {
  SpawnOptions options;
  options.program = "/bin/sh";
  options.arguments = {"-c", "exec sleep 1000"};
  options.environment = Environment({});
  options.core_dumps = false;
  options.oom_score_adj = 500;
  const auto ours = ReadSmallFile("/proc/self/oom_score_adj");
  const auto child = Spawn(options);
  ASSERT_TRUE(child);
  EXPECT_GE(std::stoi(*ReadProcFile(child->pid(), "oom_score_adj")), 500);
  EXPECT_EQ(ReadSmallFile("/proc/self/oom_score_adj"), ours);  // not the parent's, whose memory the child shared
  const auto limits = *ReadProcFile(child->pid(), "limits");
  const std::string line = limits.substr(limits.find("Max core file size"), 60);
  EXPECT_NE(line.find(" 0 "), std::string::npos) << line;
}

TEST(Spawn, AChildThatLeftItsGroupIsKilledToo) {
  // The shell's own child leads a group; python joins it.
  SpawnOptions options;
  options.program = "/usr/bin/python3";
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Descriptor in(ends[0]);
  Descriptor out(ends[1]);
  options.arguments = {
      "-Sc",
      "import os, time, subprocess\n"
      "os.setpgid(0, subprocess.Popen(['sleep', '1000'], process_group=0).pid) if hasattr(os, 'setpgid') else 0\n"
      "os.write(1, b'x'); time.sleep(1000)"};
  options.environment = Environment({});
  options.descriptors = {{out.get(), 1}};
  auto child = Spawn(options);
  ASSERT_TRUE(child);
  out.Close();
  char byte = 0;
  ASSERT_EQ(::read(in.get(), &byte, 1), 1);
  ASSERT_NE(::getpgid(child->pid()), child->pid());
  const auto helpers = ChildrenOf(child->pid());
  child->SignalGroup(SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child->pid()), &info, WEXITED | WNOWAIT);
  EXPECT_TRUE(child->TryReap());
  for (const pid_t helper : helpers) ::kill(helper, SIGKILL);
}

}  // namespace
}  // namespace hostler::os
