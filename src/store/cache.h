// The Hugging Face cache on disk, as huggingface_hub lays it out: blobs, snapshots, refs, trees, locks. Shared with any Python
// program that uses it at the same time. Knows no network.
//
// Owner: hostlerd. Threads: any; everything here blocks on the disk: call it on a pool.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/repo.h"
#include "os/descriptor.h"

namespace hostler::store {

// What one snapshot still needs.
struct MissingBlob {
  std::string etag;
  std::uint64_t size = 0;
  std::uint64_t have = 0;  // bytes of our own partial file: always a prefix of the content
  std::vector<std::string> paths;
};
struct FetchPlan {
  std::vector<MissingBlob> missing;
  std::vector<model::RepoFile> to_link;  // the blob is there, the link is not
  std::uint64_t bytes_total = 0;         // of the selected files, shared blobs counted once
  std::uint64_t bytes_present = 0;       // complete blobs
  std::uint64_t bytes_partial = 0;       // of our partial files
  std::size_t files_total = 0;
  [[nodiscard]] std::uint64_t bytes_missing() const { return bytes_total - bytes_present - bytes_partial; }
};

struct Space {
  std::uint64_t free = 0;  // bytes an ordinary user may still write
  std::uint64_t total = 0;
};

// The cache's own lock on one blob (flock on .locks/<repo>/<etag>.lock), held while this lives.
class BlobLock {
 public:
  BlobLock(BlobLock&&) noexcept = default;
  BlobLock& operator=(BlobLock&&) noexcept = default;

 private:
  friend class Cache;
  explicit BlobLock(os::Descriptor fd) : fd_(std::move(fd)) {}
  os::Descriptor fd_;
};

// A blob under way: blobs/<etag>.hostler.incomplete, always a prefix of the content.
class Partial {
 public:
  Partial(Partial&&) noexcept;
  Partial& operator=(Partial&&) noexcept;
  ~Partial();  // what was written stays, for the next time
  [[nodiscard]] std::uint64_t size() const;
  // Reads what is there and hashes it; afterwards Append() goes on. Once, before the first Append(), if size() > 0.
  [[nodiscard]] Result<> HashPresent();
  // kUnavailable named `disk_full` (with needed and free) or kForbidden named `permission` (folder and user). More than the
  // blob's size is kUpstream named `corrupt`, and nothing of it is written.
  [[nodiscard]] Result<> Append(std::string_view bytes);
  // The two halves of Append(), for a caller who hashes on one thread what he writes on another: each takes every byte once, in
  // order, and both may run at the same time. After a failed Write() the object is of no more use; what was written stays.
  [[nodiscard]] Result<> Write(std::string_view bytes);
  void Hash(std::string_view bytes);
  // Back to nothing: what was there was wrong.
  [[nodiscard]] Result<> Restart();
  // Size and hash are right: flushed and renamed to the blob. Else kUpstream named `corrupt`, and the file is gone; only one
  // that is merely too short stays (named `network`): it is a prefix still.
  [[nodiscard]] Result<> Finish();

 private:
  friend class Cache;
  struct State;
  explicit Partial(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What is there of a snapshot, as far as the disk tells.
struct Presence {
  std::string commit;  // what the ref names; empty: the revision is not known here
  bool complete = false;
  bool known = false;  // the full listing of the commit is on disk, so that `complete` is certain
  std::uint64_t bytes_present = 0;
  std::uint64_t bytes_total = 0;      // of the selected files; 0 if the listing is not on disk
  std::uint64_t resumable_bytes = 0;  // of our partial files, and of blobs that are not linked yet
  std::vector<std::string> missing;   // paths
  std::filesystem::path snapshot;
};

class Cache {
 public:
  // Makes nothing yet. `root`: the folder that holds models--… (HF_HUB_CACHE).
  explicit Cache(std::filesystem::path root);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path FolderOf(const model::Repo& repo) const;
  [[nodiscard]] std::filesystem::path SnapshotOf(const model::Repo& repo, std::string_view commit) const;
  [[nodiscard]] Result<Space> FreeSpace() const;

  // --- filling; in this order ---
  [[nodiscard]] Result<FetchPlan> Plan(const model::Repo& repo, std::string_view commit,
                                       const std::vector<model::RepoFile>& selected) const;
  // The folders, CACHEDIR.TAG and the full listing of the commit. REQUIRES: `all` is the whole listing.
  [[nodiscard]] Result<> Prepare(const model::Repo& repo, std::string_view commit, const std::vector<model::RepoFile>& all) const;
  // Nullopt if another program holds it just now. On a file system without flock everybody gets it: the lock saves traffic,
  // correctness stands on the rename.
  [[nodiscard]] Result<std::optional<BlobLock>> TryLock(const model::Repo& repo, std::string_view etag) const;
  // Whether the blob is there: look again after the lock was taken.
  [[nodiscard]] bool HasBlob(const model::Repo& repo, std::string_view etag, std::uint64_t size) const;
  // kConflict named `busy` if somebody writes it just now.
  [[nodiscard]] Result<Partial> OpenPartial(const model::Repo& repo, std::string_view etag, std::uint64_t size) const;
  // The link of one file in the snapshot. REQUIRES: its blob is there.
  [[nodiscard]] Result<> Link(const model::Repo& repo, std::string_view commit, const model::RepoFile& file) const;
  // refs/<revision>, last and atomic: from here on the snapshot exists for everybody.
  [[nodiscard]] Result<> WriteRef(const model::Repo& repo, std::string_view revision, std::string_view commit) const;
  // A file that the hub says does not exist.
  [[nodiscard]] Result<> WriteNoExist(const model::Repo& repo, std::string_view commit, std::string_view path) const;

  // --- looking ---
  [[nodiscard]] Presence Look(const model::Repo& repo, std::string_view revision, const model::Selection& selection) const;
  // The listing in trees/<commit>.json; nullopt if there is none that can be read.
  [[nodiscard]] std::optional<std::vector<model::RepoFile>> Listing(const model::Repo& repo, std::string_view commit) const;

 private:
  std::filesystem::path root_;
};

// $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub, in this
// order, as huggingface_hub resolves them (empty counts as unset; `~` and `$VAR` expanded).
[[nodiscard]] std::filesystem::path DefaultRoot(const std::map<std::string, std::string>& environment);

}  // namespace hostler::store
