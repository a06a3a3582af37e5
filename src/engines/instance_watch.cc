// The coroutines that watch one engine process: its end, its standard error, its log, its health and memory.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/text.h"
#include "engines/bucket.h"
#include "engines/call.h"
#include "engines/instance_shared.h"
#include "http/sse.h"
#include "os/memory.h"
#include "os/tree.h"

namespace hostler::engines {

namespace asio = boost::asio;

namespace {

constexpr double kErrorsBurst = 4 << 20;      // bytes
constexpr double kErrorsPerSecond = 8 << 20;  // bytes
constexpr double kLinesBurst = 60'000;
constexpr double kLinesPerSecond = 5000;
constexpr Clock::duration kUseInterval = std::chrono::seconds(1);
constexpr double kMb = 1 << 20;

// Resident memory counts shared pages for each process, which is too much and costs next to nothing; where that is beyond the
// limit, the exact sum decides.
os::TreeUse ReadUse(const std::vector<pid_t>& roots, double limit_mb) {
  os::TreeUse use = os::ReadTreeUse(roots);
  if (limit_mb <= 0 || use.resident_mb <= limit_mb) return use;
  use.resident_mb = 0;
  for (const pid_t pid : use.processes) use.resident_mb += os::ReadPssMb(pid).value_or(0);
  return use;
}

}  // namespace

Task<> Instance::ReadErrors(std::shared_ptr<Shared> shared) {
  std::string buffer(16 << 10, '\0');
  Bucket bucket(kErrorsBurst, kErrorsPerSecond, Clock::now());
  for (;;) {
    auto [ec, count] = co_await shared->errors.async_read_some(asio::buffer(buffer), kAsTuple);
    if (ec) break;
    shared->tail.Feed(std::string_view(buffer).substr(0, count));
    // Who floods waits: its pipe is full meanwhile, and this loop serves the others.
    while (!shared->exit && !bucket.Take(Clock::now(), static_cast<double>(count))) co_await Sleep(std::chrono::milliseconds(10));
  }
  shared->errors_done.Set();
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

Task<> Instance::WatchExit(std::shared_ptr<Shared> shared, Instance* instance) {
  Workshop& workshop = instance->workshop_;
  for (;;) {
    auto [ec] = co_await shared->exit_watch.async_wait(StreamDescriptor::wait_read, kAsTuple);
    const pid_t pid = shared->child.pid();
    shared->exit = shared->child.TryReap();  // and what it started in its group, which must not outlive it
    if (shared->exit) workshop.family.Remove(pid);
    if (shared->exit || ec) break;
  }
  shared->requests_at_exit = shared->handle->Requests();
  shared->leases_at_exit = shared->handle->gate.inside();  // before those requests learn of it and leave
  shared->handle->dead = true;
  shared->handle->died.Ring();
  // Nor what it started elsewhere, which may keep its standard error open; then its last words can be waited for.
  workshop.control->Spawn(EndLeftBehind(workshop, shared->handle->model));
  ::unlinkat(shared->socket_folder->get(), shared->socket_name.c_str(), 0);
  if (shared->forget) shared->forget(shared->endpoint);
  if (!co_await shared->errors_done.WaitFor(std::chrono::seconds(1))) {
    boost::system::error_code ignored;
    shared->errors.close(ignored);
  }
  shared->ended.Set();
  if (!shared->started || shared->stopping || shared->instance_gone) co_return;
  const OnEnd on_end = instance->on_end_;
  on_end(instance->MakeDossier(WhyEnded(*shared)));  // may destroy the instance
}

namespace {

// Passes the engine's lines on to the daemon's log, with their own time; `last_id` is where to go on.
void PassOn(log::Log& log, const std::string& model, const http::SseEvent& event, std::string& last_id) {
  if (!event.id.empty()) last_id = event.id;
  if (event.event == "lost") {
    log.Append({WallClock::now(), log::Level::kWarning, model, "log lines lost: " + event.data});
    return;
  }
  const auto entry = json::Parse<wire::LogEntry>(event.data, json::Unknown::kIgnore);
  if (!entry) return;
  const auto time = ParseLogTime(entry->timestamp).value_or(WallClock::now());
  log.Append({time, log::ParseLevel(entry->level).value_or(log::Level::kInfo), model, entry->message});
}

}  // namespace

Task<> Instance::FollowLog(std::shared_ptr<Shared> shared) {
  http::Client client(co_await asio::this_coro::executor);
  std::string last_id = "0";  // from its first line on
  // Who floods waits: what its own ring loses meanwhile it tells itself, and the lines of others stay in ours for a while.
  Bucket bucket(kLinesBurst, kLinesPerSecond, Clock::now());
  double lines = 0;
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) {
    ++lines;
    PassOn(*shared->log, shared->handle->model, event, last_id);
  };
  do {
    http::Request request;
    request.target = "/logs/stream";
    request.headers.Set("Last-Event-ID", last_id);
    request.idle_deadline = std::chrono::hours(24);  // an idle engine has nothing to say
    const auto reply = co_await client.Open(shared->endpoint, std::move(request));
    if (!reply || (*reply)->status() != 200) continue;
    http::SseParser parser(1 << 20);
    for (;;) {
      const auto piece = co_await (*reply)->ReadSome();
      if (!piece || piece->empty() || !parser.Feed(*piece, on_event)) break;
      const double count = std::min(kLinesBurst, std::exchange(lines, 0));
      while (!shared->exit && !bucket.Take(Clock::now(), count)) co_await Sleep(std::chrono::milliseconds(10));
    }
  } while (!shared->stopping && !co_await shared->ended.WaitFor(std::chrono::seconds(1)));
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

Task<> Instance::CheckHealth(std::shared_ptr<Shared> shared, Instance* instance) {
  const Deadlines deadlines = instance->workshop_.deadlines;
  Pool& pool = *instance->workshop_.pool;
  const bool ask = deadlines.health_interval > Clock::duration::zero();
  const Clock::duration interval = ask ? deadlines.health_interval : Clock::duration(std::chrono::seconds(30));
  bool was_stopped = false;
  for (;;) {
    if (co_await shared->ended.WaitFor(interval) || shared->stopping) co_return;
    const pid_t pid = shared->child.pid();
    const Look look = co_await pool.Run([pid] { return LookAt(pid); });
    if (look.memory_mb) shared->handle->memory_mb = *look.memory_mb;
    if (shared->exit || shared->stopping) co_return;
    if (!ask) continue;
    // An engine may compute for long without answering /health, so while it is busy its requests show whether it lives. One
    // that is stopped will never end them.
    const bool busy = shared->handle->gate.inside() > 0;
    const bool was = std::exchange(was_stopped, busy && look.stopped);
    if (!busy) {
      co_await AskHealth(shared, deadlines, false);
    } else if (was && look.stopped) {
      shared->killed_because = "the engine was stopped by a signal (SIGSTOP) while it worked, did not go on, and was killed";
      shared->child.SignalGroup(SIGKILL);
    }
  }
}

// `unreachable`: somebody could not connect. Then the engine may be busy, which makes it slow but leaves it its socket.
Task<> Instance::AskHealth(std::shared_ptr<Shared> shared, Deadlines deadlines, bool unreachable) {
  if (shared->exit || shared->stopping || !shared->started || std::exchange(shared->asking_health, true)) co_return;
  http::Client client(co_await asio::this_coro::executor);
  const auto health = co_await Call<wire::Health>(
      client, shared->endpoint,
      http::Request{.target = "/health", .connect_deadline = deadlines.health, .first_byte_deadline = deadlines.health});
  shared->asking_health = false;
  if (health || shared->exit || shared->stopping) co_return;
  if (unreachable && health.error().code != Code::kUnavailable) co_return;
  Error error = health.error();
  NameEngine(error, shared->endpoint, shared->handle->model);
  shared->killed_because = "the engine no longer answered /health and was killed: " + error.message;
  shared->child.SignalGroup(SIGKILL);
}

// Ends an engine that takes more than it may: what is its own, what it started, and what it left to us.
Task<> Instance::WatchUse(std::shared_ptr<Shared> shared, Workshop& workshop) {
  while (!co_await shared->ended.WaitFor(kUseInterval)) {
    if (shared->exit) continue;
    std::vector<pid_t> roots = workshop.family.OrphansOf(shared->mark);
    if (shared->max_memory_mb <= 0 && shared->max_processes <= 0) continue;
    roots.push_back(shared->child.pid());
    const auto limit_mb = static_cast<double>(shared->max_memory_mb);
    const os::TreeUse use = co_await workshop.pool->Run([roots, limit_mb] { return ReadUse(roots, limit_mb); });
    if (shared->exit) continue;
    if (limit_mb > 0 && use.resident_mb > limit_mb) {
      shared->killed_because = fmt::format("the engine was ended by hostler: it held {}, its limit is {}",
                                           HumanBytes(use.resident_mb * kMb), HumanBytes(limit_mb * kMb));
      shared->remedy = "Use a smaller model, or raise engines.max_memory_mb (or max_memory_mb of its [[model]]).";
    } else if (shared->max_processes > 0 && use.tasks > static_cast<std::size_t>(shared->max_processes)) {
      shared->killed_because = fmt::format("the engine was ended by hostler: it had {} processes and threads, its limit is {}",
                                           use.tasks, shared->max_processes);
      shared->remedy = "Raise engines.max_processes (or max_processes of its [[model]]) if it needs them.";
    } else {
      continue;
    }
    workshop.log->Error("{}: {}", shared->handle->model, shared->killed_because);
    shared->handle->memory_mb = use.resident_mb;
    shared->child.SignalGroup(SIGKILL);
    for (const pid_t pid : use.processes) {
      if (pid != shared->child.pid() && os::HasEnvironment(pid, shared->mark)) ::kill(pid, SIGKILL);
    }
  }
}

}  // namespace hostler::engines
