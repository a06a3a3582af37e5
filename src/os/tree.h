// Processes as a tree: who descends from whom, and what a whole tree takes.
//
// Threads: any. Processes come and go while this is read: answers are of a moment that is past. MB = 2^20 bytes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace hostler::os {

// From now on processes whose parent ends become children of this one instead of init's: what a child left behind can be
// found, ended and reaped, whatever session it went to. False if the kernel cannot.
bool AdoptOrphans();

// Living and dead (not yet reaped) ones. About 10 µs for each thread of `pid`.
[[nodiscard]] std::vector<pid_t> ChildrenOf(pid_t pid);

// Reaps a child of ours if it is dead; true if it was.
bool ReapIfDead(pid_t child);

// Whether its environment holds this entry ("NAME=value"); a process of another user, or a dead one, has none.
[[nodiscard]] bool HasEnvironment(pid_t pid, const std::string& entry);

// Stopped by a signal (SIGSTOP, SIGTSTP), not by a debugger.
[[nodiscard]] bool IsStopped(pid_t pid);

// "sleep 1000 (pid 12)", for people.
[[nodiscard]] std::string DescribeProcess(pid_t pid);

struct TreeUse {
  std::vector<pid_t> processes;
  std::size_t tasks = 0;   // their threads; a process has at least one
  double resident_mb = 0;  // pages that several of them share count for each
};
// What these processes and all that descends from them take. Stops counting at `most` processes.
[[nodiscard]] TreeUse ReadTreeUse(const std::vector<pid_t>& roots, std::size_t most = 100'000);

}  // namespace hostler::os
