#include "engines/family.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "os/tree.h"

namespace hostler::engines {

std::vector<pid_t> Family::Orphans() const {
  std::vector<pid_t> orphans = os::ChildrenOf(::getpid());
  std::erase_if(orphans, [&](pid_t pid) { return engines_.contains(pid) || os::ReapIfDead(pid); });
  return orphans;
}

std::vector<pid_t> Family::OrphansOf(const std::string& mark) const {
  std::vector<pid_t> orphans = Orphans();
  std::erase_if(orphans, [&](pid_t pid) { return !os::HasEnvironment(pid, mark); });
  return orphans;
}

void Family::Reap() const {
  (void)Orphans();
}

std::vector<std::string> Family::KillLeftBehind() const {
  std::vector<std::string> killed;
  for (const pid_t pid : Orphans()) {
    const bool belongs =
        std::any_of(engines_.begin(), engines_.end(), [&](const auto& engine) { return os::HasEnvironment(pid, engine.second); });
    if (belongs) continue;
    killed.push_back(os::DescribeProcess(pid));
    ::kill(pid, SIGKILL);
  }
  return killed;
}

}  // namespace hostler::engines
