#include "hostlerd/shelves.h"

#include <fstream>

#include "app/care.h"
#include "app/house.h"
#include "app/pull.h"
#include "app/removal.h"
#include "base/rate.h"
#include "catalog/discover.h"
#include "os/files.h"
#include "references/migrations.h"
#include "tasks/migrations.h"

namespace hostler::hostlerd {
namespace {

constexpr std::size_t kHeadBytes = 64 << 10;

std::string Head(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(kHeadBytes, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return head;
}

// What lies in models/ by itself. Links that a download made are the catalogue's own entries.
catalog::Source Found(const store::Shelf& shelf, std::vector<std::string>* notes) {
  catalog::Source source{"models", {}};
  for (const store::ShelfItem& item : shelf.List(notes)) {
    if (item.is_link && item.path.string().find("/snapshots/") != std::string::npos) continue;
    catalog::Facts facts{item.name, item.is_folder, item.files, {}, item.bytes};
    for (const std::string& file : catalog::HeadsToRead(facts))
      facts.heads[file] = Head(item.is_folder ? item.path / file : item.path);
    catalog::Guess guess = catalog::Discover(facts);
    if (!guess.entry) {
      notes->push_back(guess.why);
      continue;
    }
    guess.entry->path = item.path.string();
    guess.entry->size_mb = item.bytes >> 20;
    source.entries.push_back(std::move(*guess.entry));
  }
  return source;
}

download::Governor::Options GovernorOptions(const config::Config& config) {
  download::Governor::Options options;
  options.bytes_per_second = ParseRate(config.download_limit).value_or(0);  // checked when the configuration was read
  options.schedule = ParseRateSchedule(config.download_schedule).value_or(std::vector<RateSpan>{});
  options.most_connections = static_cast<std::size_t>(config.download_connections);
  options.memory = static_cast<std::size_t>(config.download_memory_mb) << 20;
  return options;
}

tasks::Options TaskOptions(const config::Config& config, log::Log& log) {
  tasks::Options options;
  options.most_running_of[tasks::Operation::kDownload] = static_cast<std::size_t>(config.download_tasks);
  options.log = &log;
  return options;
}

std::filesystem::path CacheRoot(const config::Config& config) {
  return config.cache.empty() ? store::DefaultRoot(config::ProcessEnvironment()) : config.cache;
}

}  // namespace

store::Shelf ShelfOf(const config::Config& config) {
  return store::Shelf(config::ModelsBase(config), CacheRoot(config));
}

Result<catalog::Catalogue> ReadCatalogue(const config::Config& config, std::vector<std::string>* notes) {
  std::vector<catalog::Source> sources;
  const std::filesystem::path file = config::CatalogueFile(config);
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    HOSTLER_TRY(const std::string text, os::ReadFile(file, 8 << 20));
    HOSTLER_TRY(catalog::Source own, catalog::ParseUserEntries(text, file.string()));
    sources.push_back(std::move(own));
  }
  for (catalog::Source& source : catalog::BuiltIn()) sources.push_back(std::move(source));
  const store::Shelf shelf = ShelfOf(config);
  if (const Result<> linked = shelf.LinkExternal(); !linked) notes->push_back("external_models/: " + linked.error().Text());
  sources.push_back(Found(shelf, notes));
  return catalog::Catalogue(std::move(sources));
}

Shelves::Shelves(const config::Config& config, log::Log& log, catalog::Catalogue the_catalogue)
    : catalogue(std::move(the_catalogue)),
      cache(CacheRoot(config)),
      scanner(cache),
      trash(cache),
      shelf(ShelfOf(config)),
      database(config::DatabaseFile(config)),
      task_store(database),
      references(database),
      disk_pool("hostler-disk", 2),
      bulk_pool("hostler-bulk", 4),
      database_pool("hostler-db", 1),
      hub(hub::FromEnvironment(config::ProcessEnvironment()), outbound, disk_pool),
      governor(GovernorOptions(config)),
      library(catalogue, cache, scanner, disk_pool),
      loop("hostler-tasks"),
      tasks(task_store, database_pool, loop,
            {{tasks::Operation::kDownload, [this](tasks::Handle& handle) { return app::RunPull(*house_, handle); }},
             {tasks::Operation::kDelete, [this](tasks::Handle& handle) { return app::RunRemoval(*house_, handle); }},
             {tasks::Operation::kVerify, [this](tasks::Handle& handle) { return app::RunVerify(*house_, handle); }}},
            TaskOptions(config, log)),
      log_(log) {}

Shelves::~Shelves() {
  loop.Stop();
  loop.Join();
}

Task<> Shelves::OpenAll(app::House& house) {
  const auto opened =
      co_await database_pool.Run([this] { return database.OpenIfThere({tasks::kMigrations, references::kMigrations}); });
  if (!opened) {
    log_.Error("Tasks and references cannot be kept: {}", opened.error().Text());
  } else {
    for (const std::string& warning : opened->warnings) log_.Warning("{}", warning);
  }
  // Before a deletion is resumed that was killed half way.
  const Result<> recovered = co_await disk_pool.Run([this] { return trash.Recover(); });
  if (!recovered) log_.Warning("The trash could not be put in order: {}", recovered.error().Text());
  const auto resumed = co_await tasks.Open();
  if (opened && !resumed) log_.Error("Unfinished tasks cannot be read: {}", resumed.error().Text());
  co_await app::KeepTrash(house);
}

void Shelves::Begin(app::House& house) {
  house_ = &house;
  loop.Start();
  loop.Spawn(OpenAll(house));
}

Task<> Shelves::End() {
  OneShot<bool> ended(co_await boost::asio::this_coro::executor);
  loop.Post([this, promise = ended.promise()] { loop.Spawn(EndHere(promise)); });
  co_await ended.Wait();
}

Task<> Shelves::EndHere(OneShot<bool>::Promise ended) {
  co_await tasks.Shutdown();
  ended.Set(true);
}

}  // namespace hostler::hostlerd
