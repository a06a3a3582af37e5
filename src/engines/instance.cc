#include "engines/instance.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "async/event.h"
#include "base/text.h"
#include "engines/call.h"
#include "http/sse.h"
#include "os/files.h"
#include "os/gpu.h"
#include "os/memory.h"

namespace hostler::engines {

namespace asio = boost::asio;
using StreamDescriptor = asio::posix::basic_stream_descriptor<Executor>;

namespace {

constexpr std::size_t kKeptLines = 200;
constexpr std::size_t kLongestLine = 2000;
constexpr int kListenFd = 3;

std::string NewDossierId(const std::string& model) {
  std::string id = IsoTime(WallClock::now());
  for (char& c : id) {
    if (c == ':' || c == '.') c = '-';
  }
  for (const char c : model) id += (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.') ? c : '-';
  return id.substr(0, 150) + "-" + RandomHex(4);
}

// Large weights take longer to read: a second for each 100 MB beyond the configured deadline.
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

// Standard error as lines, the last ones kept.
class Tail {
 public:
  void Feed(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') {
        Flush();
      } else if (line_.size() < kLongestLine) {
        line_ += c;
      }
    }
  }
  [[nodiscard]] std::vector<std::string> Lines() const {
    std::vector<std::string> lines(lines_.begin(), lines_.end());
    if (!line_.empty()) lines.push_back(Printable(line_));
    return lines;
  }

 private:
  static std::string Printable(std::string line) {
    if (!Utf8Length(line)) {
      for (char& c : line) {
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
      }
    }
    return line;
  }
  void Flush() {
    lines_.push_back(Printable(std::move(line_)));
    line_.clear();
    if (lines_.size() > kKeptLines) lines_.pop_front();
  }
  std::deque<std::string> lines_;
  std::string line_;
};

}  // namespace

struct Instance::Shared {
  Shared(Executor executor, os::Child process, os::Descriptor errors)
      : child(std::move(process)),
        exit_watch(executor, ::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 0)),
        errors(executor, errors.Release()) {}

  os::Child child;
  StreamDescriptor exit_watch;
  StreamDescriptor errors;
  Event ended;        // reaped, and its last words read
  Event errors_done;  // standard error is at its end
  Tail tail;
  std::optional<os::Exit> exit;
  std::size_t leases_at_exit = 0;
  std::string killed_because;  // set before we kill it ourselves for misbehaving
  bool stopping = false;
  bool started = false;
  std::string phase = "starting";
  Clock::time_point since = Clock::now();
  std::shared_ptr<Handle> handle;
  log::Log* log = nullptr;
  http::Endpoint endpoint;
  std::function<void(const http::Endpoint&)> forget;
  std::string socket_path;
  bool instance_gone = false;
};

Result<std::filesystem::path> FindEngine(const Workshop& workshop, const model::Entry& entry) {
  if (entry.disk == model::DiskState::kProviderMissing || entry.engine.empty()) {
    return Fail(Error{Code::kUnsupported,
                      fmt::format("the provider \"{}\" of the model \"{}\" is not part of this build", entry.provider, entry.id),
                      entry.remedy, "model", "provider_missing"});
  }
  const std::filesystem::path path =
      entry.engine.starts_with('/') ? std::filesystem::path(entry.engine) : workshop.engines_folder / entry.engine;
  if (::access(path.c_str(), X_OK) != 0) {
    return Fail(Error{Code::kUnsupported, fmt::format("the engine {} of the model \"{}\" is missing", path.string(), entry.id),
                      "Install it, or set engines.folder to where the engines are.", "model", "provider_missing"});
  }
  return path;
}

Instance::Instance(Workshop& workshop, model::Entry entry, OnEnd on_end)
    : workshop_(workshop),
      entry_(std::move(entry)),
      on_end_(std::move(on_end)),
      handle_(std::make_shared<Handle>()),
      client_(workshop.control->executor()) {
  handle_->model = entry_.id;
}

Instance::~Instance() {
  if (!shared_) return;
  shared_->instance_gone = true;
  shared_->stopping = true;
  shared_->child.SignalGroup(SIGKILL);
}

void Instance::Kill() {
  if (shared_ && !shared_->exit) shared_->child.SignalGroup(SIGKILL);
}

pid_t Instance::pid() const {
  return shared_ && !shared_->exit ? shared_->child.pid() : 0;
}

Result<> Instance::Spawn() {
  HOSTLER_TRY(const std::filesystem::path program, FindEngine(workshop_, entry_));
  const std::string name = RandomHex(12) + ".sock";
  HOSTLER_TRY(os::Descriptor listener, os::ListenUnix(workshop_.socket_folder / name));

  int pipe_ends[2] = {-1, -1};
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0)
    return Fail(Code::kUnavailable, std::string("cannot make a pipe: ") + std::strerror(errno),
                "Too many open files? Raise the limit.");
  os::Descriptor errors_read(pipe_ends[0]);
  os::Descriptor errors_write(pipe_ends[1]);
  os::Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));

  os::SpawnOptions options;
  options.program = program;
  options.arguments = {"--listen-fd", std::to_string(kListenFd), "--threads", std::to_string(workshop_.threads)};
  options.environment =
      os::Environment({workshop_.marker, fmt::format("LOG_LEVEL={}", log::LevelName(workshop_.log->threshold()))});
  options.descriptors = {{nothing.get(), 0}, {nothing.get(), 1}, {errors_write.get(), 2}, {listener.get(), kListenFd}};
  HOSTLER_TRY(os::Child child, os::Spawn(options));

  shared_ = std::make_shared<Shared>(workshop_.control->executor(), std::move(child), std::move(errors_read));
  shared_->handle = handle_;
  shared_->log = workshop_.log;
  shared_->forget = workshop_.forget;
  shared_->socket_path = (workshop_.socket_folder / name).string();
  shared_->endpoint.unix_path = os::ShortPath(workshop_.socket_folder_fd.get(), name);
  handle_->endpoint = shared_->endpoint;
  workshop_.control->Spawn(WatchExit(shared_, this));
  workshop_.control->Spawn(ReadErrors(shared_));
  return {};
}

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

Task<> Instance::FollowLog(std::shared_ptr<Shared> shared) {
  http::Client client(co_await asio::this_coro::executor);
  http::Request request;
  request.target = "/logs/stream";
  request.headers.Set("Last-Event-ID", "0");  // from its first line on
  auto reply = co_await client.Open(shared->endpoint, std::move(request));
  if (!reply || (*reply)->status() != 200) co_return;
  http::SseParser parser;
  const auto on_event = [&](const http::SseEvent& event) {
    if (event.event == "lost")
      shared->log->Append({WallClock::now(), log::Level::kWarning, shared->handle->model, "log lines lost: " + event.data});
    const auto entry = json::Parse<wire::LogEntry>(event.data, json::Unknown::kIgnore);
    if (!entry) return;
    shared->log->Append(
        {WallClock::now(), log::ParseLevel(entry->level).value_or(log::Level::kInfo), shared->handle->model, entry->message});
  };
  for (;;) {
    const auto piece = co_await (*reply)->ReadSome();
    if (!piece || piece->empty() || !parser.Feed(*piece, on_event)) co_return;
  }
}

Task<> Instance::CheckHealth(std::shared_ptr<Shared> shared, Instance* instance) {
  const Deadlines deadlines = instance->workshop_.deadlines;
  if (deadlines.health_interval <= Clock::duration::zero()) co_return;
  http::Client client(co_await asio::this_coro::executor);
  for (;;) {
    if (co_await shared->ended.WaitFor(deadlines.health_interval) || shared->stopping) co_return;
    instance->resident_mb_ = os::ReadResidentMb(shared->child.pid()).value_or(instance->resident_mb_);
    if (shared->handle->gate.inside() > 0) continue;  // busy: its requests show whether it lives
    const auto health = co_await Call<wire::Health>(client, shared->endpoint,
                                                    http::Request{.target = "/health", .first_byte_deadline = deadlines.health});
    if (shared->exit || shared->stopping) co_return;
    if (!health) {
      shared->killed_because = "the engine no longer answered /health and was killed: " + health.error().message;
      shared->child.SignalGroup(SIGKILL);
      co_return;
    }
  }
}

Task<Result<>> Instance::Greet() {
  http::Request request{
      .target = "/health", .connect_deadline = workshop_.deadlines.start, .first_byte_deadline = workshop_.deadlines.start};
  const auto health = co_await Call<wire::Health>(client_, shared_->endpoint, std::move(request));
  if (!health) co_return std::unexpected(health.error());
  if (health->protocol != wire::kProtocolVersion) {
    co_return Fail(Error{Code::kUpstream,
                         fmt::format("the engine {} speaks protocol {}, hostler speaks {}", health->engine, health->protocol,
                                     wire::kProtocolVersion),
                         "Install the engine that belongs to this hostler.",
                         {},
                         "load_failed"});
  }
  co_return Result<>{};
}

Task<Result<>> Instance::LoadModel() {
  wire::LoadRequest load;
  load.model_id = entry_.engine_model.empty() ? entry_.id : entry_.engine_model;
  load.options = entry_.options;
  if (!entry_.path.empty()) load.path = entry_.path;
  http::Request request = JsonRequest(http::Method::kPost, "/models/load", load);
  request.first_byte_deadline =
      workshop_.deadlines.load + co_await workshop_.pool->Run([path = entry_.path] { return ReadingTime(path); });
  const auto reply = co_await Call<wire::LoadReply>(client_, shared_->endpoint, std::move(request));
  if (!reply) co_return std::unexpected(reply.error());
  co_return Result<>{};
}

Task<Result<>> Instance::AskAbilities() {
  auto abilities = co_await Call<wire::Capabilities>(
      client_, shared_->endpoint, http::Request{.target = "/capabilities", .first_byte_deadline = workshop_.deadlines.start});
  if (!abilities) co_return std::unexpected(abilities.error());
  auto voices = co_await Call<wire::VoiceList>(
      client_, shared_->endpoint, http::Request{.target = "/voices", .first_byte_deadline = workshop_.deadlines.start});
  if (!voices) co_return std::unexpected(voices.error());
  handle_->capabilities = std::move(*abilities);
  handle_->voices = std::move(voices->voices);
  co_return Result<>{};
}

Task<Result<model::Receipt>> Instance::Start() {
  workshop_.control->AssertHere();
  const auto begin = Clock::now();
  HOSTLER_CO_OK(Spawn());
  Result<> step = co_await Greet();
  if (step) {
    shared_->phase = "loading";
    workshop_.control->Spawn(FollowLog(shared_));
    step = co_await LoadModel();
  }
  if (step) step = co_await AskAbilities();
  if (!step) co_return std::unexpected(co_await WhyNotStarted(std::move(step.error())));
  const pid_t pid = shared_->child.pid();
  model::Receipt receipt = co_await workshop_.pool->Run(
      [pid] { return model::Receipt{0, os::ReadGroupPssMb(pid).value_or(0), 0, os::ReadGroupGpuMb(pid)}; });
  if (shared_->exit) {
    co_return std::unexpected(
        co_await WhyNotStarted(Error{Code::kUpstream, "the engine ended right after the load", {}, {}, {}}));
  }
  shared_->phase = "idle";
  shared_->started = true;
  resident_mb_ = os::ReadResidentMb(pid).value_or(0);
  workshop_.control->Spawn(CheckHealth(shared_, this));
  receipt.seconds = Seconds(Clock::now() - begin);
  co_return receipt;
}

Task<Error> Instance::WhyNotStarted(Error step) {
  // A broken connection says little; the process's end says why, and follows at once. An engine that answered still lives.
  const bool broken = step.code == Code::kUpstream || step.code == Code::kUnavailable;
  if (broken && co_await shared_->ended.WaitFor(std::chrono::milliseconds(500))) {
    dossier_ = MakeDossier(fmt::format("the engine ended while {}: {}", shared_->phase, shared_->exit->Text()));
    const std::string words = dossier_->last_lines.empty() ? "" : "; its last words: " + dossier_->last_lines.back();
    co_return Error{Code::kUpstream,
                    dossier_->reason + words,
                    fmt::format("`hostler crashes {}` shows all that is known.", dossier_->id),
                    {},
                    "load_failed"};
  }
  co_await Stop();
  if (step.name.empty()) step.name = "load_failed";
  if (step.remedy.empty()) step.remedy = "`hostler logs` shows what the engine said.";
  co_return step;
}

Dossier Instance::MakeDossier(const std::string& reason) const {
  Dossier dossier;
  dossier.id = NewDossierId(entry_.id);
  dossier.model = entry_.id;
  dossier.engine = entry_.engine;
  dossier.time = IsoTime(WallClock::now());
  dossier.active_requests = static_cast<int>(shared_->exit ? shared_->leases_at_exit : handle_->gate.inside());
  dossier.phase = shared_->phase == "idle" && dossier.active_requests > 0 ? "working" : shared_->phase;
  dossier.reason = reason;
  if (shared_->exit) dossier.exit = ExitFact{shared_->exit->signalled, shared_->exit->status, shared_->exit->Text()};
  dossier.memory_mb = resident_mb_;
  dossier.uptime_s = Seconds(Clock::now() - shared_->since);
  dossier.options = entry_.options;
  dossier.last_lines = shared_->tail.Lines();
  return dossier;
}

Task<model::Receipt> Instance::Stop() {
  workshop_.control->AssertHere();
  if (!shared_ || shared_->exit) co_return model::Receipt{};
  const auto begin = Clock::now();
  const auto shared = shared_;
  shared->stopping = true;
  const pid_t pid = shared->child.pid();
  const double before = co_await workshop_.pool->Run([pid] { return os::ReadGroupPssMb(pid).value_or(0); });
  shared->child.Signal(SIGTERM);
  if (!co_await shared->ended.WaitFor(workshop_.deadlines.stop)) {
    workshop_.log->Warning("The engine of {} did not end within {:.0f} s of SIGTERM and was killed", entry_.id,
                           Seconds(workshop_.deadlines.stop));
    shared->child.SignalGroup(SIGKILL);
    (void)co_await shared->ended.WaitFor(std::chrono::seconds(10));
  }
  co_return model::Receipt{before, 0, Seconds(Clock::now() - begin)};
}

}  // namespace hostler::engines
