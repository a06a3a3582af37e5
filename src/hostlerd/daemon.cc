#include "hostlerd/daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>

#include <fmt/format.h>

#include "api/errors.h"
#include "app/load.h"
#include "app/pull.h"
#include "app/roster.h"
#include "os/memory.h"
#include "os/tree.h"
#include "providers/providers.h"
#include "speech/presets.h"

namespace hostler::hostlerd {
namespace {

constexpr std::size_t kChangesKept = 1000;
constexpr Clock::duration kPatience = std::chrono::seconds(10);  // for requests that run when we are told to end

std::filesystem::path EnginesFolder(const config::Config& config) {
  if (!config.engines_folder.empty()) return config.engines_folder;
  const std::filesystem::path beside = os::ProgramFolder();
  const std::filesystem::path installed = beside.parent_path() / "lib" / "hostler";
  std::error_code ec;
  return std::filesystem::is_directory(installed, ec) ? installed : beside;
}

Clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

engines::Workshop MakeWorkshop(const config::Config& config, const Home& home, Loop& control, Pool& pool, log::Log& log) {
  engines::Workshop workshop;
  workshop.control = &control;
  workshop.pool = &pool;
  workshop.log = &log;
  workshop.engines_folder = EnginesFolder(config);
  workshop.socket_folder = home.sockets();
  workshop.socket_folder_fd =
      std::make_shared<const os::Descriptor>(::open(home.sockets().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  workshop.max_memory_mb = config.max_memory_mb;
  workshop.max_processes = config.max_processes;
  workshop.marker = home.Marker();
  workshop.threads = config.engine_threads > 0 ? config.engine_threads : os::PhysicalCores();
  workshop.deadlines.start = Duration(config.start_timeout_s);
  workshop.deadlines.load = Duration(config.load_timeout_s);
  workshop.deadlines.stop = Duration(config.stop_timeout_s);
  workshop.deadlines.health_interval = Duration(config.health_interval_s);
  return workshop;
}

// Of a model that the catalogue knows and no engine here can run.
Error NotRunHere(const catalog::Catalogue& catalogue, const catalog::Entry& entry) {
  std::string remedy = providers::MissingRemedy(app::EntryOf(entry));
  const catalog::Entry* twin = entry.engine.empty() ? catalogue.Servable(entry.id, entry.type) : nullptr;
  if (twin != nullptr && twin != &entry)
    remedy = fmt::format("Use \"{}\": the same model in a form that hostler's engines read.", twin->id);
  return Error{Code::kUnsupported,
               fmt::format("the provider \"{}\" of the model \"{}\" is not available", entry.provider, entry.id),
               std::move(remedy), "model", "provider_missing"};
}

// Everything that can be loaded here: built in, the configuration's, and what of the catalogue an engine is there for.
std::vector<model::Entry> Entries(const config::Config& config, const catalog::Catalogue& catalogue,
                                  const engines::Workshop& workshop) {
  std::vector<model::Entry> entries = providers::Catalogue(config, workshop.engines_folder);
  std::vector<model::Entry> more;
  for (const catalog::Entry& entry : catalogue.entries()) more.push_back(app::EntryOf(entry));
  providers::AddServable(entries, more, config, workshop.engines_folder);
  return entries;
}

lifecycle::Options LifecycleOptions(const config::Config& config, const catalog::Catalogue& catalogue) {
  lifecycle::Options options;
  options.rules = {config.max_loaded, config.evict, Duration(config.idle_timeout_s)};
  options.autoload = config.autoload;
  options.explain = [&catalogue](const model::ModelId& id) -> std::optional<Error> {
    const catalog::Entry* entry = catalogue.Find(id);
    return entry == nullptr ? std::nullopt : std::optional(NotRunHere(catalogue, *entry));
  };
  return options;
}

int IoThreads(const config::Config& config) {
  return config.threads > 0 ? config.threads : std::clamp(os::PhysicalCores(), 1, 4);
}

std::vector<std::unique_ptr<Loop>> MakeLoops(int count) {
  std::vector<std::unique_ptr<Loop>> loops;
  loops.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) loops.push_back(std::make_unique<Loop>(fmt::format("hostler-io-{}", i)));
  return loops;
}

// Every loop on which requests or the control room talk to engines.
std::vector<Loop*> Pointers(const std::vector<std::unique_ptr<Loop>>& loops) {
  std::vector<Loop*> pointers;
  for (const auto& loop : loops) pointers.push_back(loop.get());
  return pointers;
}

// As many descriptors as the system lets us have; connections leave some for engines, files and event loops.
std::size_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur;
}

std::size_t MostConnections(const config::Config& config) {
  constexpr std::size_t kReserve = 256;
  const std::size_t descriptors = RaiseDescriptorLimit();
  return std::min(static_cast<std::size_t>(config.max_connections),
                  descriptors > 2 * kReserve ? descriptors - kReserve : descriptors / 2);
}

http::ServerOptions ServerOptionsOf(const config::Config& config, log::Log& log) {
  http::ServerOptions options;
  options.max_connections = MostConnections(config);
  options.error_response = api::ErrorResponseWithStatus;
  options.on_bug = [&log](std::string_view where, std::string_view what) { log.Error("A bug in {}: {}", where, what); };
  return options;
}

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

}  // namespace

Result<> CheckSpeechFiles(const config::Config& config) {
  if (!config.dictionary.empty()) HOSTLER_OK(speech::ReadDictionary(config.dictionary));
  HOSTLER_OK(speech::ReadPresets(config.presets));
  return {};
}

Daemon::Daemon(config::Config config, Home home, catalog::Catalogue catalogue, const std::vector<std::string>& notes)
    : config_(std::move(config)),
      home_(std::move(home)),
      log_("hostler", log::ParseLevel(config_.log_level).value_or(log::Level::kInfo), true),
      changes_(kChangesKept),
      control_("hostler"),
      loops_(MakeLoops(IoThreads(config_))),
      dossiers_(home_.crashes()),
      pool_("hostler-work", 2),
      engine_pool_("hostler-memory", 1),
      shelves_(config_, log_, std::move(catalogue)),
      samples_(config::ModelsBase(config_) / "samples", static_cast<std::size_t>(config_.max_samples)),
      dictionary_(config_.dictionary),
      workshop_(MakeWorkshop(config_, home_, control_, engine_pool_, log_)),
      prober_(workshop_, [this](engines::Dossier dossier) { Crashed(std::move(dossier)); }),
      switchboard_(Pointers(loops_)),
      lifecycle_(workshop_, LifecycleOptions(config_, shelves_.catalogue), Entries(config_, shelves_.catalogue, workshop_),
                 changes_, [this](engines::Dossier dossier) { Crashed(std::move(dossier)); }),
      house_{.config = config_,
             .log = log_,
             .metrics = metrics_,
             .changes = changes_,
             .media_pool = pool_,
             .codecs = codecs_,
             .workshop = workshop_,
             .switchboard = switchboard_,
             .dossiers = dossiers_,
             .lifecycle = lifecycle_,
             .prober = prober_,
             .catalogue = shelves_.catalogue,
             .cache = shelves_.cache,
             .scanner = shelves_.scanner,
             .trash = shelves_.trash,
             .shelf = shelves_.shelf,
             .hub = shelves_.hub,
             .governor = shelves_.governor,
             .tasks = shelves_.tasks,
             .references = shelves_.references,
             .samples = samples_,
             .dictionary = dictionary_,
             .library = shelves_.library,
             .disk_pool = shelves_.disk_pool,
             .bulk_pool = shelves_.bulk_pool,
             .database_pool = shelves_.database_pool},
      server_(Pointers(loops_), api::MakeApi(house_), ServerOptionsOf(config_, log_)),
      signals_(control_.executor(), SIGTERM, SIGINT) {
  for (const std::string& note : notes) log_.Warning("models/: {}", note);
  workshop_.reopen_sockets = [this] { return home_.Reopen(); };
  workshop_.find_files = [this](model::ModelId id) { return app::FilesOf(house_, std::move(id)); };
  workshop_.forget = [this](const http::Endpoint& endpoint) { switchboard_.Forget(endpoint); };
}

Daemon::~Daemon() {
  // Nothing may run on a loop while the rooms above it go away.
  shelves_.loop.Stop();
  for (const auto& loop : loops_) loop->Stop();
  shelves_.loop.Join();
  for (const auto& loop : loops_) loop->Join();
}

void Daemon::Crashed(engines::Dossier dossier) {
  metrics_.CountCrash();
  pool_.Submit([this, dossier = std::move(dossier)] {
    if (const auto saved = dossiers_.Save(dossier); !saved)
      log_.Error("The crash report of {} could not be kept: {}", dossier.model, saved.error().Text());
  });
}

Result<std::string> Daemon::Listen() {
  if (!IsLoopback(config_.host) && !config_.insecure) {
    return Fail(Code::kForbidden,
                fmt::format("{} can be reached from other machines, and this server asks nobody who they are", config_.host),
                "Bind to 127.0.0.1, or say --insecure if everybody in that network may use, load and unload your models.");
  }
  HOSTLER_TRY(const std::uint16_t port, server_.ListenTcp(config_.host, config_.port));
  const bool v6 = config_.host.find(':') != std::string::npos;
  const std::string url = fmt::format("http://{}:{}", v6 ? "[" + config_.host + "]" : config_.host, port);
  HOSTLER_OK(home_.WriteAddress(url));
  return url;
}

void Daemon::WarnOfMissing() {
  for (const lifecycle::Status& status : lifecycle_.List()) {
    if (status.entry.disk != model::DiskState::kProviderMissing) continue;
    log_.Warning("{} is not available: {}", status.entry.id, status.entry.remedy);
  }
}

Task<> Daemon::PreloadOne(app::House& house, model::ModelId id) {
  const auto loaded = co_await app::Load(house, id);
  if (!loaded) house.log.Error("models.preload: {}", loaded.error().Text());
}

void Daemon::Preload() {
  for (const model::ModelId& id : config_.preload) control_.Spawn(PreloadOne(house_, id));
}

// What engines left behind in other sessions goes with us.
void Daemon::EndLeftBehind() {
  constexpr int kPasses = 1000;
  for (int pass = 0; pass < kPasses && !workshop_.family.KillLeftBehind().empty(); ++pass) {
    siginfo_t dead{};
    ::waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT);  // one of those that were just killed; the next pass reaps it
  }
}

int Daemon::Run() {
  if (!os::AdoptOrphans()) log_.Warning("This kernel cannot make hostler look after what engines leave behind");
  home_.CleanUp(log_);
  const auto url = Listen();
  if (!url) {
    std::fprintf(stderr, "hostler: %s\n  → %s\n", url.error().message.c_str(), url.error().remedy.c_str());
    return 1;
  }
  for (const auto& loop : loops_) loop->Start();
  OnSignal();
  WarnOfMissing();
  shelves_.Begin(house_);
  log_.Info("hostler {} listens on {}, home {}", HOSTLER_VERSION, *url, home_.folder().string());
  std::printf("hostler is listening on %s\n", url->c_str());
  std::fflush(stdout);
  ::malloc_trim(0);  // what building the house took and gave back
  control_.Post([this] { Preload(); });
  control_.RunHere();
  EndLeftBehind();
  home_.RemoveAddress();
  return 0;
}

void Daemon::OnSignal() {
  signals_.async_wait([this](boost::system::error_code ec, int signal) {
    if (ec) return;
    if (leaving_) {
      log_.Warning("A second signal: leaving at once");
      std::_Exit(130);  // the engines die with us
    }
    leaving_ = true;
    control_.Spawn(Leave(signal == SIGINT ? "interrupted" : "told to end"));
    OnSignal();
  });
}

Task<> Daemon::Leave(std::string why) {
  log_.Info("hostler is shutting down: {}", why);
  changes_.Append({{}, "shutting_down", why});
  house_.closing = true;  // event streams send what there is and end
  log_.ring().Wake();
  changes_.Wake();
  shelves_.tasks.ring().Wake();
  lifecycle_.RefuseNew();
  OneShot<bool> drained(control_.executor());
  server_.Drain(kPatience, [promise = drained.promise()] { promise.Set(true); });
  co_await drained.Wait();
  co_await shelves_.End();
  co_await lifecycle_.Shutdown(kPatience);
  log_.Info("Good-bye");
  control_.Stop();
}

}  // namespace hostler::hostlerd
