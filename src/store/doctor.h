// What is wrong in the cache, what it costs, and how to mend it; and hashing everything again.
//
// Threads: any; everything here blocks on the disk: call it on a pool.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/repo.h"
#include "store/cache.h"

namespace hostler::store {

enum class Trouble {
  kOrphanBlob,   // no snapshot refers to it
  kBrokenLink,   // its blob is gone
  kPartialFile,  // an unfinished download
  kDanglingRef,  // names a commit without snapshot
  kBadRef,       // not 40 hex, or with a newline
  kMissingSnapshots,
  kStrayFile,   // in the root or in snapshots/
  kWrongSize,   // the blob's size is not the listing's
  kDuplicate,   // the same content under another repository
  kPermission,  // cannot be read or written by us
  kLowSpace,
  kLeftover,       // listing or .no_exist of a snapshot that is gone
  kDanglingShelf,  // a link in models/ that leads nowhere
};
BOOST_DESCRIBE_ENUM(Trouble, kOrphanBlob, kBrokenLink, kPartialFile, kDanglingRef, kBadRef, kMissingSnapshots, kStrayFile,
                    kWrongSize, kDuplicate, kPermission, kLowSpace, kLeftover, kDanglingShelf)

struct Finding {
  Trouble trouble = Trouble::kOrphanBlob;
  std::string folder;       // of the repository; empty: the cache itself
  std::string path;         // relative to the cache's root
  std::string what;         // a sentence
  std::string remedy;       // a sentence
  std::uint64_t bytes = 0;  // that mending frees
  bool mendable = false;    // Mend() can do it without losing anything that is whole
};
BOOST_DESCRIBE_STRUCT(Finding, (), (trouble, folder, path, what, remedy, bytes, mendable))

// `shelf`: the models/ folder, or empty.
[[nodiscard]] Result<std::vector<Finding>> Examine(const Cache& cache, const std::filesystem::path& shelf);
// Looks again whether it is still so, then mends. Never removes a lock file, nor anything whose lock somebody holds.
[[nodiscard]] Result<> Mend(const Cache& cache, const std::filesystem::path& shelf, const Finding& finding);

// Hashes every file of a snapshot against the names of its blobs (and the listing, where it is there).
struct Verdict {
  std::vector<std::string> wrong;    // paths whose content is not what it should be
  std::vector<std::string> missing;  // in the listing, selected, not there
  std::uint64_t bytes = 0;
  std::size_t files = 0;
};
[[nodiscard]] Result<Verdict> Verify(const Cache& cache, const model::Repo& repo, const std::string& revision,
                                     const model::Selection& selection,
                                     const std::function<bool(std::uint64_t bytes, const std::string& path)>& go_on);

}  // namespace hostler::store
