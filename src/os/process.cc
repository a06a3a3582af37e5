#include "os/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <span>
#include <string_view>

#include "os/proc.h"
#include "os/system_error.h"
#include "os/tree.h"

namespace hostler::os {
namespace {

// Where a child failed before its program ran; sent up the report pipe with errno.
enum class Stage : int { kParent, kDescriptors, kClose, kDirectory, kExec };
struct Report {
  Stage stage = Stage::kExec;
  int error = 0;
};

// Everything the child needs, made before vfork(): it may only make system calls, and it writes only to `moved`.
struct Plan {
  const char* program = nullptr;
  const char* directory = nullptr;  // nullptr: stay
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  std::span<const std::pair<int, int>> descriptors;
  std::span<int> moved;  // one for each descriptor
  int first_free = 3;    // above every target
  int report = -1;       // close-on-exec: a successful exec is an empty report
  pid_t parent = 0;
  bool die_with_parent = true;
  bool core_dumps = true;
  std::string_view oom_score;  // empty: leave it
};

[[noreturn]] void ReportAndExit(int report, Stage stage, int error) {
  const Report text{stage, error};
  (void)!::write(report, &text, sizeof text);
  ::_exit(127);
}

void ResetSignals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);  // KILL, STOP refuse: fine
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves all sources above all targets first, so that no target overwrites a source that is still needed.
// Returns the report pipe's new number.
int PlaceDescriptors(const Plan& plan) {
  const int report = ::fcntl(plan.report, F_DUPFD_CLOEXEC, plan.first_free);
  if (report < 0) ReportAndExit(plan.report, Stage::kDescriptors, errno);
  for (std::size_t i = 0; i < plan.descriptors.size(); ++i) {
    plan.moved[i] = ::fcntl(plan.descriptors[i].first, F_DUPFD_CLOEXEC, plan.first_free);
    if (plan.moved[i] < 0) ReportAndExit(report, Stage::kDescriptors, errno);
  }
  for (int number = 0; number < plan.first_free; ++number) ::fcntl(number, F_SETFD, FD_CLOEXEC);
  for (std::size_t i = 0; i < plan.descriptors.size(); ++i) {
    if (::dup2(plan.moved[i], plan.descriptors[i].second) < 0) ReportAndExit(report, Stage::kDescriptors, errno);
  }
  if (::syscall(SYS_close_range, plan.first_free, ~0U, CLOSE_RANGE_CLOEXEC) != 0) ReportAndExit(report, Stage::kClose, errno);
  return report;
}

// What cannot be set stays as it is: no reason not to run the program.
void ApplyLimits(const Plan& plan) {
  if (!plan.core_dumps) {
    const rlimit none{};
    ::setrlimit(RLIMIT_CORE, &none);
  }
  if (plan.oom_score.empty()) return;
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  (void)!::write(file, plan.oom_score.data(), plan.oom_score.size());
  ::close(file);
}

// Runs in the child, in the parent's memory: system calls only.
[[noreturn]] void RunChild(const Plan& plan) {
  ResetSignals();
  ::setpgid(0, 0);
  if (plan.die_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ReportAndExit(plan.report, Stage::kParent, ESRCH);  // it died before the prctl
  }
  ApplyLimits(plan);
  const int report = PlaceDescriptors(plan);
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) ReportAndExit(report, Stage::kDirectory, errno);
  ::execve(plan.program, plan.arguments, plan.environment);
  ReportAndExit(report, Stage::kExec, errno);
}

// vfork: the parent's page tables are not copied (27 ms per GB); the parent's thread stands still until the exec.
// All signals are blocked around it, lest a handler of ours runs in the child.
[[gnu::noinline]] pid_t ForkAndRun(const Plan& plan) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();
  if (pid == 0) RunChild(plan);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));  // execve's signature
  pointers.push_back(nullptr);
  return pointers;
}

// The caller's descriptors, and /dev/null for each of 0, 1 and 2 that it does not name.
std::vector<std::pair<int, int>> WithStandardDescriptors(const SpawnOptions& options, int null) {
  std::vector<std::pair<int, int>> all = options.descriptors;
  for (int number = 0; number < 3; ++number) {
    if (std::ranges::find(all, number, &std::pair<int, int>::second) == all.end()) all.emplace_back(null, number);
  }
  return all;
}

Error ExecError(const SpawnOptions& options, int error) {
  Error failure = SystemError(error, fmt::format("cannot run \"{}\"", options.program.string()));
  std::error_code ignored;
  const bool exists = std::filesystem::exists(options.program, ignored);
  switch (error) {
    case ENOENT:
      failure.remedy = exists ? "The file is there, but its loader or the program on its #! line is not; install that."
                              : "Check the path, or build or install the program.";
      break;
    case EACCES: failure.remedy = "Make it executable (chmod +x), on a file system that is not mounted noexec."; break;
    case ENOEXEC:
      failure.code = Code::kUnsupported;
      failure.remedy = "It is not a program for this machine; use a build for this architecture.";
      break;
    case E2BIG:
      failure.code = Code::kTooLarge;
      failure.remedy = "Its arguments and environment are too long; shorten them.";
      break;
    default: break;
  }
  return failure;
}

Error ReportError(const SpawnOptions& options, const Report& report) {
  const std::string program = options.program.string();
  switch (report.stage) {
    case Stage::kExec: return ExecError(options, report.error);
    case Stage::kDirectory:
      return SystemError(report.error, fmt::format("cannot run \"{}\" in \"{}\"", program, options.directory.string()));
    case Stage::kDescriptors: return SystemError(report.error, fmt::format("cannot hand descriptors to \"{}\"", program));
    case Stage::kParent:
      return Error{
          Code::kCancelled, fmt::format("\"{}\" was not run: its parent ended", program), "Start hostler again.", {}, {}};
    case Stage::kClose: break;
  }
  return SystemError(report.error, fmt::format("cannot close descriptors for \"{}\"", program))
      .Remedy("hostler needs Linux 5.11 or newer.");
}

// Blocks until the exec (end of file) or the child's report.
std::optional<Report> ReadReport(int fd) {
  Report report;
  ssize_t got = 0;
  do got = ::read(fd, &report, sizeof report);
  while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof report)) return std::nullopt;
  return report;
}

// Never below ours: that would need a privilege, and is not what anybody wants. Empty: leave it.
std::string OomScore(const SpawnOptions& options) {
  if (options.oom_score_adj == 0) return {};
  const std::string text = ReadSmallFile("/proc/self/oom_score_adj").value_or("0");
  int ours = 0;
  std::from_chars(text.data(), text.data() + text.size(), ours);
  return std::to_string(std::max(ours, options.oom_score_adj));
}

bool HasNul(const std::vector<std::string>& texts) {
  return std::ranges::any_of(texts, [](const std::string& text) { return text.contains('\0'); });
}

Result<> Check(const SpawnOptions& options) {
  if (options.program.empty()) return Fail(Code::kInvalid, "no program to run was named", "Name the program's file.");
  if (HasNul(options.arguments) || HasNul(options.environment)) {
    return Fail(Code::kInvalid, fmt::format("an argument or variable for \"{}\" holds a NUL byte", options.program.string()),
                "Remove the NUL byte.");
  }
  for (const auto& [ours, theirs] : options.descriptors) {
    if (ours < 0 || theirs < 0) {
      return Fail(Code::kInvalid, fmt::format("a descriptor for \"{}\" is not open", options.program.string()), "Open it first.");
    }
  }
  return {};
}

}  // namespace

Result<Child> Spawn(const SpawnOptions& options) {
  HOSTLER_OK(Check(options));
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return Fail(SystemError(errno, fmt::format("cannot run \"{}\"", options.program.string())));
  const Descriptor report_in(ends[0]);
  Descriptor report_out(ends[1]);
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return Fail(SystemError(errno, "cannot open \"/dev/null\""));

  std::vector<std::string> arguments = {options.program.string()};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(options.environment);
  const std::vector<std::pair<int, int>> descriptors = WithStandardDescriptors(options, null.get());
  std::vector<int> moved(descriptors.size(), -1);
  int highest = 2;
  for (const auto& [ours, theirs] : descriptors) highest = std::max(highest, theirs);

  const std::string oom_score = OomScore(options);
  const Plan plan{.program = options.program.c_str(),
                  .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                  .arguments = argument_pointers.data(),
                  .environment = environment_pointers.data(),
                  .descriptors = descriptors,
                  .moved = moved,
                  .first_free = highest + 1,
                  .report = report_out.get(),
                  .parent = ::getpid(),
                  .die_with_parent = options.die_with_parent,
                  .core_dumps = options.core_dumps,
                  .oom_score = oom_score};
  const pid_t pid = ForkAndRun(plan);
  if (pid < 0) return Fail(SystemError(errno, fmt::format("cannot start a process for \"{}\"", options.program.string())));
  report_out.Close();
  // Not reaped yet, so the number cannot have been given to another process.
  Child child(pid, Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  const int pidfd_error = errno;
  if (const std::optional<Report> report = ReadReport(report_in.get())) return Fail(ReportError(options, *report));
  if (child.pidfd() < 0) {
    return Fail(SystemError(pidfd_error, fmt::format("cannot watch \"{}\"", options.program.string()))
                    .Remedy("hostler needs Linux 5.11 or newer."));
  }
  return child;
}

std::string Exit::Text() const {
  if (!signalled) return fmt::format("exit status {}", status);
  const char* name = ::sigabbrev_np(status);
  return name != nullptr ? fmt::format("signal {} (SIG{})", status, name) : fmt::format("signal {}", status);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ <= 0) return;
  SignalGroup(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

void Child::Signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

void Child::SignalGroup(int signal) const {
  if (pid_ <= 0) return;
  ::kill(-pid_, signal);
  ::kill(pid_, signal);  // should it have left its group; a second SIGTERM or SIGKILL says nothing new
}

std::optional<Exit> Child::TryReap() {
  if (pid_ <= 0) return std::nullopt;
  siginfo_t info{};
  const auto look = [&](int options) { return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | options); };
  if (look(WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) return std::nullopt;
  SignalGroup(SIGKILL);  // while the dead leader still holds the group's number
  look(WNOHANG);
  pid_ = 0;
  return Exit{.signalled = info.si_code != CLD_EXITED, .status = info.si_status};
}

std::vector<std::string> Environment(const std::vector<std::string>& changes) {
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) variables.emplace_back(*entry);
  for (const std::string& change : changes) {
    std::erase_if(variables, [&](const std::string& old) { return name_of(old) == name_of(change); });
    if (change.contains('=')) variables.push_back(change);
  }
  return variables;
}

std::vector<pid_t> FindByEnvironment(const std::string& entry) {
  std::vector<pid_t> found;
  ForEachProcess([&](pid_t pid) {
    if (pid != ::getpid() && HasEnvironment(pid, entry)) found.push_back(pid);
  });
  return found;
}

}  // namespace hostler::os
