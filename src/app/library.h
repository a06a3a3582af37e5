// What of the catalogue is on disk, and what else lies there: made once for each change of the cache, shared by all who ask.
//
// Owner: hostlerd; catalogue, cache and scanner outlive the pool. Threads: any loop of the house; the disk is read on the pool.
#pragma once

#include <memory>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "base/guarded.h"
#include "catalog/catalog.h"
#include "store/cache.h"
#include "store/scan.h"

namespace hostler::app {

// One entry of the catalogue as the disk has it.
struct Standing {
  const catalog::Entry* entry = nullptr;
  store::Presence presence;
  std::uint64_t disk = 0;  // bytes that its repository's folder takes, or its own files where others share it
};

// A moment's picture; immutable.
struct Holdings {
  std::shared_ptr<const store::Scan> scan;
  std::vector<Standing> standings;  // in the catalogue's order
  std::uint64_t managed = 0;        // bytes on disk of repositories that the catalogue knows
  std::uint64_t unmanaged = 0;      // everything else in the cache
  std::size_t unmanaged_repos = 0;
  [[nodiscard]] const Standing* Find(std::string_view id) const;
};

class Library {
 public:
  Library(const catalog::Catalogue& catalogue, const store::Cache& cache, store::Scanner& scanner, Pool& pool)
      : state_(std::make_shared<State>(catalogue, cache, scanner)), pool_(pool) {}

  // True now; nothing is read again that did not change. `force`: everything is.
  [[nodiscard]] Task<std::shared_ptr<const Holdings>> Now(bool force = false);

 private:
  // Shared with jobs on the pool, which may outlive the library.
  struct State {
    State(const catalog::Catalogue& the_catalogue, const store::Cache& the_cache, store::Scanner& the_scanner)
        : catalogue(the_catalogue), cache(the_cache), scanner(the_scanner) {}
    [[nodiscard]] std::shared_ptr<const Holdings> Make(std::shared_ptr<const store::Scan> scan) const;
    const catalog::Catalogue& catalogue;
    const store::Cache& cache;
    store::Scanner& scanner;
    Guarded<std::shared_ptr<const Holdings>> last;
  };
  const std::shared_ptr<State> state_;
  Pool& pool_;
};

}  // namespace hostler::app
