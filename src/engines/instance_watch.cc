// The coroutines that watch one engine process: its end, its standard error, its health and memory.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/text.h"
#include "engines/bucket.h"
#include "engines/call.h"
#include "engines/running.h"
#include "http/sse.h"
#include "os/memory.h"
#include "os/tree.h"

namespace hostler::engines {

namespace asio = boost::asio;

namespace {

constexpr double kErrorsBurst = 4 << 20;      // bytes
constexpr double kErrorsPerSecond = 8 << 20;  // bytes
constexpr Clock::duration kUseInterval = std::chrono::seconds(1);
constexpr double kMb = 1 << 20;

// Resident memory counts running pages for each process, which is too much and costs next to nothing; where that is beyond the
// limit, the exact sum decides.
os::TreeUse ReadUse(const std::vector<pid_t>& roots, double limit_mb) {
  os::TreeUse use = os::ReadTreeUse(roots);
  if (limit_mb <= 0 || use.resident_mb <= limit_mb) return use;
  use.resident_mb = 0;
  for (const pid_t pid : use.processes) use.resident_mb += os::ReadPssMb(pid).value_or(0);
  return use;
}

}  // namespace

// A second for each 100 MB of weights.
Clock::duration ReadingTime(const std::filesystem::path& path) {
  if (path.empty()) return {};
  std::error_code ec;
  std::uintmax_t bytes = std::filesystem::is_regular_file(path, ec) ? std::filesystem::file_size(path, ec) : 0;
  const auto options =
      std::filesystem::directory_options::follow_directory_symlink | std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator item(path, options, ec), end; !ec && item != end; item.increment(ec)) {
    std::error_code ignored;
    if (item->is_regular_file(ignored)) bytes += item->file_size(ignored);
  }
  return std::chrono::seconds(bytes / (100 << 20));
}

Task<> Instance::ReadErrors(std::shared_ptr<Running> running) {
  std::string buffer(16 << 10, '\0');
  Bucket bucket(kErrorsBurst, kErrorsPerSecond, Clock::now());
  for (;;) {
    auto [ec, count] = co_await running->errors.async_read_some(asio::buffer(buffer), kAsTuple);
    if (ec) break;
    running->tail.Feed(std::string_view(buffer).substr(0, count),
                       [&](std::string_view line) { running->handle->adapter->OnErrorLine(*running, line); });
    // Who floods waits: its pipe is full meanwhile, and this loop serves the others.
    while (!running->exit && !bucket.Take(Clock::now(), static_cast<double>(count)))
      co_await Sleep(std::chrono::milliseconds(10));
  }
  running->errors_done.Set();
}

// What it started in other sessions and groups is ours to end, and to reap, now that it is gone.
Task<> Instance::EndLeftBehind(Workshop& workshop, std::string model) {
  constexpr int kPasses = 500;  // of something that forks faster than it is killed
  std::vector<std::string> ended;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto killed = workshop.family.KillLeftBehind();
    if (killed.empty()) break;
    if (ended.empty()) {
      const std::vector<std::string> named(killed.begin(), killed.begin() + std::min<std::ptrdiff_t>(5, std::ssize(killed)));
      workshop.log->Warning("The engine of {} left {} {} behind, which {} ended: {}{}", model, killed.size(),
                            killed.size() == 1 ? "process" : "processes", killed.size() == 1 ? "is" : "are", Join(named, ", "),
                            killed.size() > named.size() ? " …" : "");
    }
    ended.insert(ended.end(), killed.begin(), killed.end());
    co_await Sleep(std::chrono::milliseconds(10));
  }
}

Task<> Instance::WatchExit(std::shared_ptr<Running> running, Instance* instance) {
  Workshop& workshop = instance->workshop_;
  for (;;) {
    auto [ec] = co_await running->exit_watch.async_wait(StreamDescriptor::wait_read, kAsTuple);
    const pid_t pid = running->child.pid();
    running->exit = running->child.TryReap();  // and what it started in its group, which must not outlive it
    if (running->exit) workshop.family.Remove(pid);
    if (running->exit || ec) break;
  }
  running->requests_at_exit = running->handle->Requests();
  running->leases_at_exit = running->handle->gate.inside();  // before those requests learn of it and leave
  running->handle->dead = true;
  running->handle->died.Ring();
  // Nor what it started elsewhere, which may keep its standard error open; then its last words can be waited for.
  workshop.control->Spawn(EndLeftBehind(workshop, running->handle->model));
  ::unlinkat(running->socket_folder->get(), running->socket_name.c_str(), 0);
  if (running->forget) running->forget(running->endpoint);
  if (!co_await running->errors_done.WaitFor(std::chrono::seconds(1))) {
    boost::system::error_code ignored;
    running->errors.close(ignored);
  }
  running->ended.Set();
  if (!running->started || running->stopping || running->instance_gone) co_return;
  const OnEnd on_end = instance->on_end_;
  on_end(instance->MakeDossier(WhyEnded(*running)));  // may destroy the instance
}

namespace {

struct Look {
  std::optional<double> memory_mb;
  bool stopped = false;  // by SIGSTOP
};

Look LookAt(pid_t pid) {
  return {os::ReadGroupPssMb(pid), os::IsStopped(pid)};
}

}  // namespace

Task<> Instance::CheckHealth(std::shared_ptr<Running> running, Instance* instance) {
  const Deadlines deadlines = instance->workshop_.deadlines;
  Pool& pool = *instance->workshop_.pool;
  const bool ask = deadlines.health_interval > Clock::duration::zero();
  const Clock::duration interval = ask ? deadlines.health_interval : Clock::duration(std::chrono::seconds(30));
  bool was_stopped = false;
  for (;;) {
    if (co_await running->ended.WaitFor(interval) || running->stopping) co_return;
    const pid_t pid = running->child.pid();
    const Look look = co_await pool.Run([pid] { return LookAt(pid); });
    if (look.memory_mb) running->handle->memory_mb = *look.memory_mb;
    if (running->exit || running->stopping) co_return;
    if (!ask) continue;
    // An engine may compute for long without answering /health, so while it is busy its requests show whether it lives. One
    // that is stopped will never end them.
    const bool busy = running->handle->gate.inside() > 0;
    const bool was = std::exchange(was_stopped, busy && look.stopped);
    if (!busy) {
      co_await AskHealth(running, deadlines, false);
    } else if (was && look.stopped) {
      running->killed_because = "the engine was stopped by a signal (SIGSTOP) while it worked, did not go on, and was killed";
      running->child.SignalGroup(SIGKILL);
    }
  }
}

// `unreachable`: somebody could not connect. Then the engine may be busy, which makes it slow but leaves it its socket.
Task<> Instance::AskHealth(std::shared_ptr<Running> running, Deadlines deadlines, bool unreachable) {
  if (running->exit || running->stopping || !running->started || std::exchange(running->asking_health, true)) co_return;
  http::Client client(co_await asio::this_coro::executor);
  const auto health = co_await running->handle->adapter->AskHealth(client, running->endpoint, deadlines.health);
  running->asking_health = false;
  if (health || running->exit || running->stopping) co_return;
  if (unreachable && health.error().code != Code::kUnavailable) co_return;
  Error error = health.error();
  NameEngine(error, running->endpoint, running->handle->model);
  running->killed_because = "the engine no longer answered /health and was killed: " + error.message;
  running->child.SignalGroup(SIGKILL);
}

// Ends an engine that takes more than it may: what is its own, what it started, and what it left to us.
Task<> Instance::WatchUse(std::shared_ptr<Running> running, Workshop& workshop) {
  while (!co_await running->ended.WaitFor(kUseInterval)) {
    if (running->exit) continue;
    std::vector<pid_t> roots = workshop.family.OrphansOf(running->mark);
    if (running->max_memory_mb <= 0 && running->max_processes <= 0) continue;
    roots.push_back(running->child.pid());
    const auto limit_mb = static_cast<double>(running->max_memory_mb);
    const os::TreeUse use = co_await workshop.pool->Run([roots, limit_mb] { return ReadUse(roots, limit_mb); });
    if (running->exit) continue;
    if (limit_mb > 0 && use.resident_mb > limit_mb) {
      running->killed_because = fmt::format("the engine was ended by hostler: it held {}, its limit is {}",
                                            HumanBytes(use.resident_mb * kMb), HumanBytes(limit_mb * kMb));
      running->remedy = "Use a smaller model, or raise engines.max_memory_mb (or max_memory_mb of its [[model]]).";
    } else if (running->max_processes > 0 && use.tasks > static_cast<std::size_t>(running->max_processes)) {
      running->killed_because = fmt::format("the engine was ended by hostler: it had {} processes and threads, its limit is {}",
                                            use.tasks, running->max_processes);
      running->remedy = "Raise engines.max_processes (or max_processes of its [[model]]) if it needs them.";
    } else {
      continue;
    }
    workshop.log->Error("{}: {}", running->handle->model, running->killed_because);
    running->handle->memory_mb = use.resident_mb;
    running->child.SignalGroup(SIGKILL);
    for (const pid_t pid : use.processes) {
      if (pid != running->child.pid() && os::HasEnvironment(pid, running->mark)) ::kill(pid, SIGKILL);
    }
  }
}

}  // namespace hostler::engines
