#include "engines/instance.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/call.h"
#include "engines/running.h"
#include "os/files.h"
#include "os/gpu.h"
#include "os/memory.h"
#include "os/system_error.h"

namespace hostler::engines {

namespace {

constexpr int kOomScore = 500;  // short of memory, the kernel ends an engine before the daemon

// Takes the socket's file away again, unless an engine was started on it.
struct SocketFile {
  ~SocketFile() {
    if (!name.empty()) ::unlinkat(folder, name.c_str(), 0);
  }
  int folder;
  std::string name;
};

struct Pipe {
  os::Descriptor read;
  os::Descriptor write;
};

Result<Pipe> MakePipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return Fail(os::SystemError(errno, "cannot make a pipe for the engine"));
  return Pipe{os::Descriptor(ends[0]), os::Descriptor(ends[1])};
}

std::string NewDossierId(const std::string& model) {
  std::string id = IsoTime(WallClock::now());
  for (char& c : id) {
    if (c == ':' || c == '.') c = '-';
  }
  id += '-';
  for (const char c : model) id += (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.') ? c : '-';
  return id.substr(0, 150) + "-" + RandomHex(4);
}

// Makes sure that there is a folder for sockets: the one that was opened, or one that is made anew if that was removed.
Result<> FindSocketFolder(Workshop& workshop) {
  struct stat status{};
  const bool there = ::fstat(workshop.socket_folder_fd->get(), &status) == 0 && status.st_nlink > 0;
  if (there || !workshop.reopen_sockets) return {};
  HOSTLER_TRY(os::Descriptor folder, workshop.reopen_sockets());
  workshop.log->Warning("The folder {} was removed while hostler runs, and made again", workshop.socket_folder.string());
  workshop.socket_folder_fd = std::make_shared<const os::Descriptor>(std::move(folder));
  return {};
}

// Where an engine listens, in that folder.
Result<os::Descriptor> Listen(const Workshop& workshop, const std::string& name) {
  auto listener = os::ListenUnix(os::ShortPath(workshop.socket_folder_fd->get(), name));
  if (listener) return listener;
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
  handle_->adapter = &AdapterOf(entry_);
}

Instance::~Instance() {
  if (!running_) return;
  running_->instance_gone = true;
  running_->stopping = true;
  running_->child.SignalGroup(SIGKILL);
}

void Instance::Kill() {
  if (running_ && !running_->exit) running_->child.SignalGroup(SIGKILL);
}

pid_t Instance::pid() const {
  return running_ && !running_->exit ? running_->child.pid() : 0;
}

Task<Result<>> Instance::Spawn() {
  HOSTLER_CO_TRY(const std::filesystem::path program, FindEngine(workshop_, entry_));
  const std::string name = RandomHex(12) + ".sock";
  const Order order{entry_, files_, name, workshop_.threads, workshop_.log->threshold()};
  HOSTLER_CO_TRY(const Launch launch,
                 co_await workshop_.pool->Run([adapter = handle_->adapter, order] { return adapter->Plan(order); }));
  HOSTLER_CO_OK(FindSocketFolder(workshop_));
  const auto folder = workshop_.socket_folder_fd;
  os::Descriptor listener;
  if (!launch.makes_its_socket) {
    HOSTLER_CO_TRY(listener, Listen(workshop_, name));
  }
  SocketFile file{folder->get(), name};
  HOSTLER_CO_TRY(Pipe errors, MakePipe());
  Pipe output;
  Pipe input;
  if (launch.reports_on_output) {
    HOSTLER_CO_TRY(output, MakePipe());
    HOSTLER_CO_TRY(input, MakePipe());
  }

  os::SpawnOptions options;
  options.program = program;
  options.arguments = launch.arguments;
  const std::string mark = "HOSTLER_ENGINE_INSTANCE=" + name.substr(0, name.find('.'));
  std::vector<std::string> environment = {workshop_.marker, mark};
  environment.insert(environment.end(), launch.environment.begin(), launch.environment.end());
  options.environment = os::Environment(environment);
  options.descriptors = {{errors.write.get(), 2}, {listener ? listener.get() : folder->get(), kInheritedFd}};
  if (launch.reports_on_output) {  // else 0 and 1 are nowhere
    options.descriptors.emplace_back(input.read.get(), 0);
    options.descriptors.emplace_back(output.write.get(), 1);
  }
  options.core_dumps = false;  // a model's memory on the disk with each crash; the dossier says what is known
  options.oom_score_adj = kOomScore;
  HOSTLER_CO_TRY(os::Child child, os::Spawn(options));

  os::Descriptor exit_watch(::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 0));
  if (!exit_watch) co_return Fail(os::SystemError(errno, "cannot watch the engine's process"));
  file.name.clear();
  workshop_.family.Add(child.pid(), mark);
  running_ =
      std::make_shared<Running>(workshop_.control->executor(), std::move(child), std::move(exit_watch), std::move(errors.read));
  if (launch.reports_on_output) {
    running_->output.emplace(workshop_.control->executor(), output.read.Release());
    running_->input = std::move(input.write);
  }
  running_->mark = mark;
  running_->socket_folder = folder;
  running_->socket_name = name;
  running_->endpoint.unix_path = os::ShortPath(folder->get(), name);
  Watch();
  co_return Result<>{};
}

void Instance::Watch() {
  running_->on_progress = on_progress_;
  running_->handle = handle_;
  running_->log = workshop_.log;
  running_->forget = workshop_.forget;
  running_->max_memory_mb = entry_.max_memory_mb.value_or(workshop_.max_memory_mb);
  running_->max_processes = entry_.max_processes.value_or(workshop_.max_processes);
  handle_->endpoint = running_->endpoint;
  handle_->process = os::Descriptor(::fcntl(running_->child.pidfd(), F_DUPFD_CLOEXEC, 0));
  handle_->unreachable = [control = workshop_.control, deadlines = workshop_.deadlines,
                          watched = std::weak_ptr<Running>(running_)] {
    control->Post([control, deadlines, watched] {
      if (const auto running = watched.lock()) control->Spawn(AskHealth(running, deadlines, true));
    });
  };
  workshop_.control->Spawn(WatchExit(running_, this));
  workshop_.control->Spawn(WatchUse(running_, workshop_));
  workshop_.control->Spawn(ReadErrors(running_));
}

Task<Result<model::Receipt>> Instance::Start() {
  workshop_.control->AssertHere();
  const auto begin = Clock::now();
  files_ = entry_.path;
  if (files_.empty() && !entry_.repository.empty() && workshop_.find_files) {
    HOSTLER_CO_TRY(files_, co_await workshop_.find_files(entry_.id));
  }
  HOSTLER_CO_OK(co_await Spawn());
  const auto loaded = co_await handle_->adapter->Load({running_, workshop_, entry_, files_, client_});
  if (!loaded) co_return std::unexpected(co_await WhyNotStarted(loaded.error()));
  const pid_t pid = running_->child.pid();
  model::Receipt receipt = co_await workshop_.pool->Run(
      [pid] { return model::Receipt{0, os::ReadGroupPssMb(pid).value_or(0), 0, os::ReadGroupGpuMb(pid)}; });
  if (running_->exit) {
    co_return std::unexpected(
        co_await WhyNotStarted(Error{Code::kUpstream, "the engine ended right after the load", {}, {}, {}}));
  }
  running_->phase = "idle";
  running_->started = true;
  handle_->memory_mb = receipt.memory_after_mb;
  workshop_.control->Spawn(CheckHealth(running_, this));
  receipt.seconds = Seconds(Clock::now() - begin);
  co_return receipt;
}

Task<Error> Instance::WhyNotStarted(Error step) {
  // A broken connection says little; the process's end says why, and follows at once. An engine that answered still lives.
  const bool broken = (step.code == Code::kUpstream || step.code == Code::kUnavailable) && step.name.empty();
  if (broken && co_await running_->ended.WaitFor(std::chrono::milliseconds(500))) {
    if (auto refusal = running_->killed_because.empty() ? handle_->adapter->Refusal(*running_) : std::nullopt)
      co_return std::move(*refusal);
    dossier_ = MakeDossier(running_->killed_because.empty()
                               ? fmt::format("the engine ended while {}: {}", running_->phase, running_->exit->Text())
                               : running_->killed_because);
    const std::string words = dossier_->last_lines.empty() ? "" : "; its last words: " + dossier_->last_lines.back();
    co_return Error{Code::kUpstream, dossier_->reason + words, RemedyOf(*dossier_), {}, "load_failed"};
  }
  co_await Stop();
  NameEngine(step, running_->endpoint, entry_.id);
  if (step.code == Code::kTimeout) {
    step.message = fmt::format("the engine of \"{}\" gave no sign of life while {} and was ended", entry_.id, running_->phase);
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
  dossier.active_requests = static_cast<int>(running_->exit ? running_->leases_at_exit : handle_->gate.inside());
  dossier.phase = running_->phase == "idle" && dossier.active_requests > 0 ? "working" : running_->phase;
  dossier.reason = reason;
  if (running_->exit) dossier.exit = ExitFact{running_->exit->signalled, running_->exit->status, running_->exit->Text()};
  dossier.memory_mb = handle_->memory_mb;
  dossier.uptime_s = Seconds(Clock::now() - running_->since);
  dossier.options = entry_.options;
  dossier.requests = running_->exit ? running_->requests_at_exit : handle_->Requests();
  if (!running_->remedy.empty()) dossier.remedy = running_->remedy;
  dossier.last_lines = running_->tail.Lines();
  return dossier;
}

Task<model::Receipt> Instance::Stop() {
  workshop_.control->AssertHere();
  if (!running_) co_return model::Receipt{};
  const auto begin = Clock::now();
  const auto running = running_;
  running->stopping = true;  // from here on its end is told by `dossier`
  double before = 0;
  if (!running->exit) {
    const pid_t pid = running->child.pid();
    before = co_await workshop_.pool->Run([pid] { return os::ReadGroupPssMb(pid).value_or(0); });
  }
  if (running->exit) {  // unasked: nobody has sent a signal
    (void)co_await running->ended.WaitFor(std::chrono::seconds(10));
    if (running->started) dossier_ = MakeDossier(WhyEnded(*running));
    co_return model::Receipt{};
  }
  running->phase = "stopping";
  if (running->forget) running->forget(running->endpoint);  // nobody needs their idle connections any more
  handle_->adapter->AskToStop(*running);
  if (!co_await running->ended.WaitFor(workshop_.deadlines.stop)) {
    workshop_.log->Warning("The engine of {} did not end within {:.0f} s of SIGTERM and was killed", entry_.id,
                           Seconds(workshop_.deadlines.stop));
    running->child.SignalGroup(SIGKILL);
    (void)co_await running->ended.WaitFor(std::chrono::seconds(10));
  }
  // A crash is one also if it comes in the moment of the order, or of the unload itself.
  if (running->started && running->exit && running->exit->signalled && running->exit->status != SIGTERM &&
      running->exit->status != SIGKILL)
    dossier_ = MakeDossier(WhyEnded(*running));
  co_return model::Receipt{before, 0, Seconds(Clock::now() - begin)};
}

}  // namespace hostler::engines
