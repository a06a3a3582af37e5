// The coroutines that watch one engine process: its end, its standard error, its log, its health and memory.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "engines/call.h"
#include "engines/instance_shared.h"
#include "http/sse.h"
#include "os/memory.h"
#include "os/process.h"

namespace hostler::engines {

namespace asio = boost::asio;

Task<> Instance::ReadErrors(std::shared_ptr<Shared> shared) {
  std::string buffer(16 << 10, '\0');
  for (;;) {
    auto [ec, count] = co_await shared->errors.async_read_some(asio::buffer(buffer), kAsTuple);
    if (ec) break;
    shared->tail.Feed(std::string_view(buffer).substr(0, count));
  }
  shared->errors_done.Set();
}

Task<> Instance::WatchExit(std::shared_ptr<Shared> shared, Instance* instance) {
  for (;;) {
    auto [ec] = co_await shared->exit_watch.async_wait(StreamDescriptor::wait_read, kAsTuple);
    shared->exit = shared->child.TryReap();
    if (shared->exit || ec) break;
  }
  shared->requests_at_exit = shared->handle->Requests();
  shared->leases_at_exit = shared->handle->gate.inside();  // before those requests learn of it and leave
  shared->handle->dead = true;
  shared->handle->died.Ring();
  // What it started must not outlive it, nor keep its standard error open; then its last words can be waited for.
  shared->child.SignalGroup(SIGKILL);
  ::unlink(shared->socket_path.c_str());
  if (shared->forget) shared->forget(shared->endpoint);
  if (!co_await shared->errors_done.WaitFor(std::chrono::seconds(1))) {
    boost::system::error_code ignored;
    shared->errors.close(ignored);
  }
  shared->ended.Set();
  if (!shared->started || shared->stopping || shared->instance_gone) co_return;
  const std::string reason =
      shared->killed_because.empty() ? "the engine ended by itself: " + shared->exit->Text() : shared->killed_because;
  const OnEnd on_end = instance->on_end_;
  on_end(instance->MakeDossier(reason));  // may destroy the instance
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
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) {
    PassOn(*shared->log, shared->handle->model, event, last_id);
  };
  do {
    http::Request request;
    request.target = "/logs/stream";
    request.headers.Set("Last-Event-ID", last_id);
    request.idle_deadline = std::chrono::hours(24);  // an idle engine has nothing to say
    const auto reply = co_await client.Open(shared->endpoint, std::move(request));
    if (!reply || (*reply)->status() != 200) continue;
    http::SseParser parser;
    for (;;) {
      const auto piece = co_await (*reply)->ReadSome();
      if (!piece || piece->empty() || !parser.Feed(*piece, on_event)) break;
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
  http::Client client(co_await asio::this_coro::executor);
  const auto kill = [&shared](std::string why) {
    shared->killed_because = std::move(why);
    shared->child.SignalGroup(SIGKILL);
  };
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
    if (shared->handle->gate.inside() > 0) {
      if (std::exchange(was_stopped, look.stopped) && look.stopped) {
        kill("the engine was stopped by a signal in the middle of its work, did not go on, and was killed");
        co_return;
      }
      continue;
    }
    was_stopped = false;
    const auto health = co_await Call<wire::Health>(client, shared->endpoint,
                                                    http::Request{.target = "/health", .first_byte_deadline = deadlines.health});
    if (shared->exit || shared->stopping) co_return;
    if (!health) {
      kill("the engine no longer answered /health and was killed: " + health.error().message);
      co_return;
    }
  }
}

}  // namespace hostler::engines
