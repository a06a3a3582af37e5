// Deleting from the cache in two steps: a plan that says what would go and how much that frees, and its execution: a rename into
// the trash, from where it can come back until it is purged. Asking and doing are one code path.
//
// Threads: any; everything here blocks on the disk: call it on a pool.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/repo.h"
#include "store/cache.h"

namespace hostler::store {

// What shall go of a repository.
struct Scope {
  model::Repo repo;
  std::string revision;                // branch, tag or commit; empty: all revisions
  model::Selection files;              // only these files (a model that shares its repository with others); all: the whole
  std::vector<model::Selection> keep;  // what other models in the same repository still need
};

struct RemovalPlan {
  Scope scope;
  bool whole_folder = false;
  std::vector<std::string> paths;    // relative to the repository's folder, sorted; empty if whole_folder or nothing is there
  std::vector<std::string> commits;  // snapshots that are touched
  std::uint64_t bytes_freed = 0;     // on disk (blocks), blobs that others still use not counted
  std::uint64_t bytes_shown = 0;     // sum of file sizes
  std::size_t files = 0;
  std::vector<std::string> busy;  // etags that somebody (another program too) is downloading just now
  std::string state;              // digest of names, sizes and times of all that goes: the disk as it was then
  [[nodiscard]] bool Empty() const { return !whole_folder && paths.empty(); }
  // SHA-256 over everything above that a person was shown; changes when the disk does.
  [[nodiscard]] std::string Digest() const;
};
// kForbidden if the repository's folder is a link: nothing is deleted through it.
[[nodiscard]] Result<RemovalPlan> PlanRemoval(const Cache& cache, const Scope& scope);

// One removed thing in the trash.
struct TrashItem {
  std::string id;
  model::Repo repo;
  std::string label;  // the model's id, for people
  std::uint64_t bytes = 0;
  double removed_at = 0;  // Unix seconds
};

// kDoomed: not to be brought back. It is not listed, and whoever comes next purges it if we are killed before we do.
enum class Fate { kKept, kDoomed };

class Trash {
 public:
  // On the cache's file system: beside the cache folder (.hostler-trash/NAME) if that is the same and we may write there, else
  // inside its .locks folder, where huggingface_hub does not look.
  explicit Trash(const Cache& cache);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  // Does what the plan says; refuses (kConflict) if somebody downloads there (named `busy`), or the disk is no longer what the
  // plan showed (named `plan_changed`). No link ever points at nothing. Killed in the middle, the next Recover() takes it back.
  [[nodiscard]] Result<TrashItem> Remove(const RemovalPlan& plan, const std::string& label, Fate fate = Fate::kKept) const;
  // Puts it back: refs, links, blobs. kConflict if something else is there meanwhile.
  [[nodiscard]] Result<TrashItem> Restore(const std::string& id) const;
  [[nodiscard]] std::vector<TrashItem> List() const;  // newest first
  // Unlinks for good. Returns bytes freed.
  [[nodiscard]] Result<std::uint64_t> Purge(const std::string& id) const;
  // … and what is doomed or was being purged when somebody was killed.
  [[nodiscard]] Result<std::uint64_t> PurgeOlderThan(double unix_seconds) const;
  // Takes back what a killed process left half done. At any time; quick.
  [[nodiscard]] Result<> Recover() const;

 private:
  struct Moves;
  const Cache& cache_;
  std::filesystem::path folder_;
};

}  // namespace hostler::store
