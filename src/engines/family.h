// Which of the daemon's children are engines, and which are processes that an engine left behind: the daemon adopts those
// (os::AdoptOrphans), so they are found whatever session or group they went to.
//
// An orphan belongs to the engine whose mark its environment holds. One that holds no mark of a running engine counts as left
// behind: it is ended when an engine ends.
//
// Owner: the workshop. Threads: the control loop only.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace hostler::engines {

class Family {
 public:
  void Add(pid_t engine, std::string mark) { engines_.emplace(engine, std::move(mark)); }
  // The process is reaped, or about to be by nobody else.
  void Remove(pid_t engine) { engines_.erase(engine); }

  // What the engine with this mark has outside its own tree.
  [[nodiscard]] std::vector<pid_t> OrphansOf(const std::string& mark) const;
  // Reaps orphans that are dead.
  void Reap() const;
  // Sends SIGKILL to what engines that no longer run left behind; returns what that was, for people. What those started
  // themselves becomes ours with their end: call it again until nothing is left.
  [[nodiscard]] std::vector<std::string> KillLeftBehind() const;

 private:
  [[nodiscard]] std::vector<pid_t> Orphans() const;  // living ones
  std::map<pid_t, std::string> engines_;
};

}  // namespace hostler::engines
