// The rooms that keep models on disk, built together: catalogue, cache, hub, downloads, tasks, references.
//
// Owner: Daemon. Built on the main thread; the tasks run on a loop of their own, the rest on pools.
#pragma once

#include <map>
#include <memory>

#include "app/library.h"
#include "async/pool.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "db/db.h"
#include "download/download.h"
#include "hub/hub.h"
#include "log/log.h"
#include "outbound/outbound.h"
#include "references/references.h"
#include "store/cache.h"
#include "store/removal.h"
#include "store/scan.h"
#include "store/shelf.h"
#include "tasks/sqlite_store.h"
#include "tasks/tasks.h"

namespace hostler::app {
struct House;
}

namespace hostler::hostlerd {

// The built-in lists, the user's models.toml, and what lies in models/. Errors name file:line and key. `notes`: what lies there
// and was passed over, and why.
[[nodiscard]] Result<catalog::Catalogue> ReadCatalogue(const config::Config& config, std::vector<std::string>* notes);

class Shelves {
 public:
  Shelves(const config::Config& config, log::Log& log, catalog::Catalogue the_catalogue);
  ~Shelves();  // REQUIRES: nothing runs on the tasks' loop any more
  Shelves(const Shelves&) = delete;
  Shelves& operator=(const Shelves&) = delete;

  // Starts the loop, opens the database, resumes what was interrupted, empties the trash when it is time. After the house is
  // whole.
  void Begin(app::House& house);
  // Tasks become `interrupted` and are resumed by the next daemon. From any loop.
  [[nodiscard]] Task<> End();

  const catalog::Catalogue catalogue;
  const store::Cache cache;
  store::Scanner scanner;
  const store::Trash trash;
  const store::Shelf shelf;
  db::Database database;
  tasks::SqliteStore task_store;
  references::References references;
  Pool disk_pool;      // its jobs use what is above
  Pool bulk_pool;      // … too
  Pool database_pool;  // … too
  outbound::Client outbound;
  hub::Hub hub;
  download::Governor governor;
  app::Library library;
  Loop loop;
  tasks::Tasks tasks;

 private:
  Task<> OpenAll(app::House& house);
  Task<> EndHere(OneShot<bool>::Promise ended);

  log::Log& log_;
  app::House* house_ = nullptr;  // set before the loop runs
};

}  // namespace hostler::hostlerd
