// What is in the cache: complete, adding up to `du`, and cheap when nothing changed.
//
// Owner: hostlerd. Threads: Now() blocks on the disk (one scan at a time; others wait for it): call it on a pool. Last() from
// any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/repo.h"
#include "store/cache.h"

namespace hostler::store {

struct ScannedRevision {
  std::string commit;
  std::vector<std::string> refs;
  std::uint64_t size = 0;  // bytes of distinct blobs
  std::size_t files = 0;
  double last_modified = 0;  // Unix seconds
  friend bool operator==(const ScannedRevision&, const ScannedRevision&) = default;
};

struct ScannedRepo {
  std::string folder;  // its name in the cache
  model::Repo repo;
  std::vector<ScannedRevision> revisions;
  std::string problem;             // empty, or why huggingface_hub calls it corrupted and passes it over
  std::uint64_t size = 0;          // bytes of distinct blobs that a snapshot refers to
  std::uint64_t disk = 0;          // bytes the folder takes, as du counts (blocks)
  std::uint64_t partial = 0;       // bytes of *.incomplete
  std::uint64_t resumable = 0;     // … of these, ours
  std::uint64_t unreferenced = 0;  // bytes of blobs that no snapshot refers to
  double last_modified = 0;
  double last_accessed = 0;  // approximate: depends on how the disk is mounted
  friend bool operator==(const ScannedRepo&, const ScannedRepo&) = default;
};

struct Scan {
  std::vector<ScannedRepo> repos;  // by folder
  std::uint64_t disk_total = 0;    // what the cache folder takes, as `du` counts; the sum of the following
  std::uint64_t disk_repos = 0;
  std::uint64_t disk_locks = 0;
  std::uint64_t disk_trash = 0;  // only if the trash lies inside the cache folder
  std::uint64_t disk_other = 0;  // everything else in the root
  std::string error;             // what could not be read; the rest is right
  double at = 0;                 // Unix seconds
};

class Scanner {
 public:
  explicit Scanner(const Cache& cache);
  ~Scanner();
  // A scan that is true now; what did not change since the last one is not read again. `force`: everything is read.
  [[nodiscard]] std::shared_ptr<const Scan> Now(bool force = false);
  // The newest one there is; null before the first.
  [[nodiscard]] std::shared_ptr<const Scan> Last() const;
  // We changed this repository ourselves.
  void Changed(const model::Repo& repo);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hostler::store
