// Child processes: spawned without copying the parent's page tables, dying with their parent, watched without polling.
//
// Threads: Spawn() only from a thread that lives as long as the program (the parent-death signal follows the spawning
// THREAD); the rest any.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/descriptor.h"

namespace hostler::os {

struct SpawnOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments;            // without argv[0]
  std::vector<std::string> environment;          // "NAME=value", whole
  std::vector<std::pair<int, int>> descriptors;  // {ours, number in the child}; everything else is closed,
                                                 // and of 0, 1 and 2 what is not named is /dev/null
  std::filesystem::path directory;               // empty: ours
  bool die_with_parent = true;                   // SIGKILL when the spawning thread ends
  bool core_dumps = true;                        // false: none, whatever it holds in memory
  int oom_score_adj = 0;  // above ours: short of memory, the kernel ends the child before us (proc(5)); 0: as ours
};

struct Exit {
  bool signalled = false;
  int status = 0;                          // exit status, or the signal's number
  [[nodiscard]] std::string Text() const;  // "exit status 3", "signal 11 (SIGSEGV)"
};

// One child, leader of its own process group. Destroying it kills the group and reaps.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, Descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }  // readable once the child has ended
  void Signal(int signal) const;                            // the child
  void SignalGroup(int signal) const;                       // the child, wherever it went, and what is in its first group
  // Reaps without waiting, and kills what the child left in its group; nullopt while it runs. Afterwards pid() is 0.
  [[nodiscard]] std::optional<Exit> TryReap();

 private:
  pid_t pid_ = 0;
  Descriptor pidfd_;
};

[[nodiscard]] Result<Child> Spawn(const SpawnOptions& options);

// This process's environment, with `changes` ("NAME=value" sets, "NAME" removes) applied.
[[nodiscard]] std::vector<std::string> Environment(const std::vector<std::string>& changes);

// Processes whose environment holds this entry ("NAME=value"), without this process: what a killed daemon left behind.
[[nodiscard]] std::vector<pid_t> FindByEnvironment(const std::string& entry);

}  // namespace hostler::os
