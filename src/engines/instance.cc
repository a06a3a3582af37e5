#include "engines/instance.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/call.h"
#include "engines/instance_shared.h"
#include "os/files.h"
#include "os/gpu.h"
#include "os/memory.h"
#include "os/system_error.h"

namespace hostler::engines {

namespace {

constexpr int kListenFd = 3;
constexpr int kOomScore = 500;  // short of memory, the kernel ends an engine before the daemon

// Takes the socket's file away again, unless an engine was started on it.
struct SocketFile {
  ~SocketFile() {
    if (!name.empty()) ::unlinkat(folder, name.c_str(), 0);
  }
  int folder;
  std::string name;
};

std::string NewDossierId(const std::string& model) {
  std::string id = IsoTime(WallClock::now());
  for (char& c : id) {
    if (c == ':' || c == '.') c = '-';
  }
  id += '-';
  for (const char c : model) id += (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.') ? c : '-';
  return id.substr(0, 150) + "-" + RandomHex(4);
}

// Where an engine listens, in the folder as it was opened; if that was removed, in one that is made anew.
Result<os::Descriptor> Listen(Workshop& workshop, const std::string& name) {
  auto listener = os::ListenUnix(os::ShortPath(workshop.socket_folder_fd->get(), name));
  if (listener) return listener;
  if (listener.error().code == Code::kNotFound && workshop.reopen_sockets) {
    HOSTLER_TRY(os::Descriptor folder, workshop.reopen_sockets());
    workshop.log->Warning("The folder {} was removed while hostler runs, and made again", workshop.socket_folder.string());
    workshop.socket_folder_fd = std::make_shared<const os::Descriptor>(std::move(folder));
    listener = os::ListenUnix(os::ShortPath(workshop.socket_folder_fd->get(), name));
    if (listener) return listener;
  }
  Error error = std::move(listener).error();
  error.message = fmt::format("an engine cannot get its socket in {}: {}", workshop.socket_folder.string(), error.message);
  return Fail(std::move(error));
}

}  // namespace

Result<std::filesystem::path> FindEngine(const Workshop& workshop, const model::Entry& entry) {
  if (entry.disk == model::DiskState::kProviderMissing || entry.engine.empty()) {
    return Fail(Error{Code::kUnsupported,
                      fmt::format("the provider \"{}\" of the model \"{}\" is not available", entry.provider, entry.id),
                      entry.remedy, "model", "provider_missing"});
  }
  const std::filesystem::path path =
      entry.engine.starts_with('/') ? std::filesystem::path(entry.engine) : workshop.engines_folder / entry.engine;
  if (::access(path.c_str(), X_OK) != 0) {
    return Fail(Error{Code::kUnsupported, fmt::format("the engine {} of the model \"{}\" is missing", path.string(), entry.id),
                      "Install it, or set engines.folder to where the engines are and start hostler again.", "model",
                      "provider_missing"});
  }
  return path;
}

std::uint64_t Handle::Begin(std::string what) const {
  return requests_.With([&](auto& requests) {
    const std::uint64_t id = requests.empty() ? 1 : requests.rbegin()->first + 1;
    requests.emplace(id, Request{std::move(what), Clock::now()});
    return id;
  });
}

void Handle::End(std::uint64_t id) const {
  requests_.With([&](auto& requests) { requests.erase(id); });
}

std::vector<std::string> Handle::Requests() const {
  return requests_.With([](const auto& requests) {
    std::vector<std::string> texts;
    for (const auto& [id, request] : requests)
      texts.push_back(fmt::format("{}, for {:.1f} s", request.what, Seconds(Clock::now() - request.since)));
    return texts;
  });
}

Instance::Instance(Workshop& workshop, model::Entry entry, OnEnd on_end, OnProgress on_progress)
    : workshop_(workshop),
      entry_(std::move(entry)),
      on_end_(std::move(on_end)),
      on_progress_(std::move(on_progress)),
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
  HOSTLER_TRY(os::Descriptor listener, Listen(workshop_, name));
  const auto folder = workshop_.socket_folder_fd;
  SocketFile file{folder->get(), name};

  int pipe_ends[2] = {-1, -1};
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return Fail(os::SystemError(errno, "cannot make a pipe for the engine"));
  os::Descriptor errors_read(pipe_ends[0]);
  os::Descriptor errors_write(pipe_ends[1]);

  os::SpawnOptions options;
  options.program = program;
  options.arguments = {"--listen-fd", std::to_string(kListenFd), "--threads", std::to_string(workshop_.threads)};
  const std::string mark = "HOSTLER_ENGINE_INSTANCE=" + name.substr(0, name.find('.'));
  options.environment =
      os::Environment({workshop_.marker, mark, fmt::format("LOG_LEVEL={}", log::LevelName(workshop_.log->threshold()))});
  options.descriptors = {{errors_write.get(), 2}, {listener.get(), kListenFd}};  // 0 and 1 are nowhere
  options.core_dumps = false;  // a model's memory on the disk with each crash; the dossier says what is known
  options.oom_score_adj = kOomScore;
  HOSTLER_TRY(os::Child child, os::Spawn(options));

  os::Descriptor exit_watch(::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 0));
  if (!exit_watch) return Fail(os::SystemError(errno, "cannot watch the engine's process"));
  file.name.clear();
  workshop_.family.Add(child.pid(), mark);
  shared_ =
      std::make_shared<Shared>(workshop_.control->executor(), std::move(child), std::move(exit_watch), std::move(errors_read));
  shared_->on_progress = on_progress_;
  shared_->handle = handle_;
  shared_->log = workshop_.log;
  shared_->forget = workshop_.forget;
  shared_->mark = mark;
  shared_->max_memory_mb = entry_.max_memory_mb.value_or(workshop_.max_memory_mb);
  shared_->max_processes = entry_.max_processes.value_or(workshop_.max_processes);
  shared_->socket_folder = folder;
  shared_->socket_name = name;
  shared_->endpoint.unix_path = os::ShortPath(folder->get(), name);
  handle_->endpoint = shared_->endpoint;
  handle_->process = os::Descriptor(::fcntl(shared_->child.pidfd(), F_DUPFD_CLOEXEC, 0));
  handle_->unreachable = [control = workshop_.control, deadlines = workshop_.deadlines,
                          watched = std::weak_ptr<Shared>(shared_)] {
    control->Post([control, deadlines, watched] {
      if (const auto shared = watched.lock()) control->Spawn(AskHealth(shared, deadlines, true));
    });
  };
  workshop_.control->Spawn(WatchExit(shared_, this));
  workshop_.control->Spawn(WatchUse(shared_, workshop_));
  workshop_.control->Spawn(ReadErrors(shared_));
  return {};
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
  files_ = entry_.path;
  if (files_.empty() && !entry_.repository.empty() && workshop_.find_files) {
    HOSTLER_CO_TRY(files_, co_await workshop_.find_files(entry_.id));
  }
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
  handle_->memory_mb = receipt.memory_after_mb;
  workshop_.control->Spawn(CheckHealth(shared_, this));
  receipt.seconds = Seconds(Clock::now() - begin);
  co_return receipt;
}

Task<Error> Instance::WhyNotStarted(Error step) {
  // A broken connection says little; the process's end says why, and follows at once. An engine that answered still lives.
  const bool broken = (step.code == Code::kUpstream || step.code == Code::kUnavailable) && step.name.empty();
  if (broken && co_await shared_->ended.WaitFor(std::chrono::milliseconds(500))) {
    dossier_ = MakeDossier(shared_->killed_because.empty()
                               ? fmt::format("the engine ended while {}: {}", shared_->phase, shared_->exit->Text())
                               : shared_->killed_because);
    const std::string words = dossier_->last_lines.empty() ? "" : "; its last words: " + dossier_->last_lines.back();
    co_return Error{Code::kUpstream, dossier_->reason + words, RemedyOf(*dossier_), {}, "load_failed"};
  }
  co_await Stop();
  NameEngine(step, shared_->endpoint, entry_.id);
  if (step.code == Code::kTimeout) {
    step.message = fmt::format("the engine of \"{}\" gave no sign of life while {} and was ended", entry_.id, shared_->phase);
    step.remedy = "If it only needs longer, raise engines.load_timeout_s (or engines.start_timeout_s).";
  }
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
  dossier.memory_mb = handle_->memory_mb;
  dossier.uptime_s = Seconds(Clock::now() - shared_->since);
  dossier.options = entry_.options;
  dossier.requests = shared_->exit ? shared_->requests_at_exit : handle_->Requests();
  if (!shared_->remedy.empty()) dossier.remedy = shared_->remedy;
  dossier.last_lines = shared_->tail.Lines();
  return dossier;
}

Task<model::Receipt> Instance::Stop() {
  workshop_.control->AssertHere();
  if (!shared_) co_return model::Receipt{};
  const auto begin = Clock::now();
  const auto shared = shared_;
  shared->stopping = true;  // from here on its end is told by `dossier`
  double before = 0;
  if (!shared->exit) {
    const pid_t pid = shared->child.pid();
    before = co_await workshop_.pool->Run([pid] { return os::ReadGroupPssMb(pid).value_or(0); });
  }
  if (shared->exit) {  // unasked: nobody has sent a signal
    (void)co_await shared->ended.WaitFor(std::chrono::seconds(10));
    if (shared->started) dossier_ = MakeDossier(WhyEnded(*shared));
    co_return model::Receipt{};
  }
  shared->phase = "stopping";
  shared->child.Signal(SIGTERM);
  if (!co_await shared->ended.WaitFor(workshop_.deadlines.stop)) {
    workshop_.log->Warning("The engine of {} did not end within {:.0f} s of SIGTERM and was killed", entry_.id,
                           Seconds(workshop_.deadlines.stop));
    shared->child.SignalGroup(SIGKILL);
    (void)co_await shared->ended.WaitFor(std::chrono::seconds(10));
  }
  // A crash is one also if it comes in the moment of the order, or of the unload itself.
  if (shared->started && shared->exit && shared->exit->signalled && shared->exit->status != SIGTERM &&
      shared->exit->status != SIGKILL)
    dossier_ = MakeDossier(WhyEnded(*shared));
  co_return model::Receipt{before, 0, Seconds(Clock::now() - begin)};
}

}  // namespace hostler::engines
