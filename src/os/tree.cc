#include "os/tree.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/text.h"
#include "os/memory.h"
#include "os/proc.h"

namespace hostler::os {
namespace {

std::optional<pid_t> ToPid(std::string_view text) {
  pid_t pid = 0;
  const auto [rest, bad] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return bad == std::errc() && rest == text.data() + text.size() && pid > 0 ? std::optional(pid) : std::nullopt;
}

// The fields of /proc/PID/stat behind the name, which may hold anything: state, parent, group …
std::vector<std::string> StatFields(pid_t pid) {
  const std::string text = ReadProcFile(pid, "stat").value_or("");
  const std::size_t end = text.rfind(')');
  std::vector<std::string> fields;
  if (end == std::string::npos) return fields;
  for (const std::string_view field : Split(Trim(std::string_view(text).substr(end + 1)), ' ')) fields.emplace_back(field);
  return fields;
}

// For kernels without CONFIG_PROC_CHILDREN.
std::vector<pid_t> ChildrenByScan(pid_t parent) {
  std::vector<pid_t> children;
  ForEachProcess([&](pid_t pid) {
    const auto fields = StatFields(pid);
    if (fields.size() > 1 && ToPid(fields[1]) == parent) children.push_back(pid);
  });
  return children;
}

}  // namespace

bool AdoptOrphans() {
  return ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  static const bool listed = ReadSmallFile("/proc/thread-self/children").has_value();
  if (!listed) return ChildrenByScan(pid);
  std::vector<pid_t> children;
  std::error_code error;
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", pid);
  for (std::filesystem::directory_iterator task(tasks, error), end; !error && task != end; task.increment(error)) {
    const std::string text = ReadSmallFile(task->path() / "children").value_or("");
    for (const std::string_view item : Split(Trim(text), ' ')) {
      if (const auto child = ToPid(item)) children.push_back(*child);
    }
  }
  return children;
}

bool ReapIfDead(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG) == 0 && info.si_pid == child;
}

bool HasEnvironment(pid_t pid, const std::string& entry) {
  const auto text = ReadProcFile(pid, "environ");
  return text && ('\0' + *text).contains('\0' + entry + '\0');
}

bool IsStopped(pid_t pid) {
  const auto fields = StatFields(pid);
  return !fields.empty() && fields[0] == "T";
}

std::string DescribeProcess(pid_t pid) {
  std::string command = ReadProcFile(pid, "cmdline").value_or("");
  std::ranges::replace(command, '\0', ' ');
  if (Trim(command).empty()) command = ReadProcFile(pid, "comm").value_or("a process");
  return fmt::format("{} (pid {})", Trim(std::string_view(command).substr(0, 100)), pid);
}

TreeUse ReadTreeUse(const std::vector<pid_t>& roots, std::size_t most) {
  constexpr std::size_t kThreads = 17;  // field "num_threads", counted behind the name
  TreeUse use;
  use.processes = roots;
  for (std::size_t i = 0; i < use.processes.size() && i < most; ++i) {
    const pid_t pid = use.processes[i];
    const auto fields = StatFields(pid);
    if (fields.size() <= kThreads || fields[0] == "Z" || fields[0] == "X") continue;
    std::size_t threads = 1;
    std::from_chars(fields[kThreads].data(), fields[kThreads].data() + fields[kThreads].size(), threads);
    use.tasks += threads;
    use.resident_mb += ReadResidentMb(pid).value_or(0);
    for (const pid_t child : ChildrenOf(pid)) {
      if (std::ranges::find(use.processes, child) == use.processes.end()) use.processes.push_back(child);
    }
  }
  return use;
}

}  // namespace hostler::os
