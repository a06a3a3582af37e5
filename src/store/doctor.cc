#include "store/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/text.h"
#include "store/contents.h"
#include "store/folder.h"
#include "store/hash.h"
#include "store/layout.h"
#include "store/walk.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr double kLowShare = 0.05;
constexpr std::uint64_t kLowBytes = 2ULL << 30;

struct Seen {
  std::string folder;
  dev_t device;
  ino_t inode;
};

class Examiner {
 public:
  explicit Examiner(const Cache& cache) : cache_(cache) {}

  std::vector<Finding> findings;

  void Repository(const Folder& root, const std::string& name, const model::Repo& repo) {
    folder_ = name;
    const auto status = StatBelow(root, name);
    if (status && S_ISLNK(status->st_mode)) return;  // lies elsewhere: the user's own arrangement
    const auto open = OpenBelow(root, name, Missing::kFail);
    if (!open) {
      if (open.error().code != Code::kNotFound) Permission("", open.error().message);
      return;
    }
    if (::faccessat(root.fd.get(), name.c_str(), W_OK, AT_EACCESS) != 0)
      Permission("", "hostler may not write here, so that nothing can be downloaded, mended or deleted");
    const Contents contents = ReadContents(*open);
    ReadListings(repo, contents);
    Folders(contents);
    Links(contents);
    Refs(contents);
    Blobs(contents);
    Leftovers(*open, contents);
  }

  void Root(const Folder& root) {
    const bool whole = ForEachEntry(root, [&](const char* entry, unsigned char) {
      const std::string name = entry;
      const auto status = StatBelow(root, name);
      const auto repo = model::RepoOfFolder(name);
      if (!status || name == kLocks || name == kTag || IsIgnoredName(name)) return;
      if (repo && (S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode))) {
        Repository(root, name, *repo);
        return;
      }
      folder_.clear();
      Add(Trouble::kStrayFile, name, fmt::format("\"{}\" is no part of a cache; every Python tool warns about it", name),
          "Look what it is, and move it away.", Size(*status), false);
    });
    folder_.clear();
    if (!whole) Permission("", "the cache's folder cannot be read");
  }

  void Space() {
    const auto space = cache_.FreeSpace();
    if (!space || (space->free >= kLowBytes && static_cast<double>(space->free) >= kLowShare * static_cast<double>(space->total)))
      return;
    folder_.clear();
    Add(Trouble::kLowSpace, "",
        fmt::format("only {} are free where the cache lies", HumanBytes(static_cast<double>(space->free))),
        "Delete models that nobody needs, or empty the trash.", 0, false);
  }

  void Shelf(const fs::path& shelf) {
    std::error_code error;
    folder_.clear();
    for (auto at = fs::recursive_directory_iterator(shelf, error); !error && at != fs::recursive_directory_iterator();
         at.increment(error)) {
      std::error_code gone;
      if (!at->is_symlink(gone) || fs::exists(at->path(), gone)) continue;
      Add(Trouble::kDanglingShelf, at->path().lexically_relative(shelf).string(),
          fmt::format("\"{}\" is a link that leads nowhere", at->path().string()),
          "Remove the link, or download the model again.", 0, true);
    }
  }

 private:
  static std::uint64_t Size(const struct stat& status) {
    return S_ISDIR(status.st_mode) ? 0 : static_cast<std::uint64_t>(status.st_blocks) * 512;
  }

  void Add(Trouble trouble, const std::string& path, std::string what, std::string remedy, std::uint64_t bytes, bool mendable) {
    const std::string whole = folder_.empty() ? path : path.empty() ? folder_ : folder_ + "/" + path;
    findings.push_back({trouble, folder_, whole, std::move(what) + ".", std::move(remedy), bytes, mendable});
  }

  void Permission(const std::string& path, const std::string& what) {
    Add(Trouble::kPermission, path, what, "Give the user that runs hostler the rights to this folder.", 0, false);
  }

  void ReadListings(const model::Repo& repo, const Contents& contents) {
    listed_.clear();
    for (const std::string& commit : contents.listings) {
      const auto listing = cache_.Listing(repo, commit);
      if (!listing || !contents.snapshots.contains(commit)) continue;
      for (const model::RepoFile& file : *listing) listed_.emplace(file.etag(), file.size);
    }
  }

  void Folders(const Contents& contents) {
    for (const std::string& path : contents.unreadable) Permission(path, fmt::format("\"{}\" cannot be read", path));
    for (const std::string& path : contents.strays) {
      Add(Trouble::kStrayFile, path,
          fmt::format("\"{}\" is not what a cache has there; Python passes the whole repository over", path),
          "Look what it is, and move it away.", 0, false);
    }
    if (!contents.has_snapshots) {
      Add(Trouble::kMissingSnapshots, "snapshots", "the repository has no folder \"snapshots\"; Python passes it over",
          "Make the folder, download the model again, or delete it.", 0, true);
    }
  }

  void Links(const Contents& contents) {
    for (const auto& [commit, entries] : contents.snapshots) {
      for (const Entry& entry : entries) {
        if (!entry.broken) continue;
        Add(Trouble::kBrokenLink, fmt::format("snapshots/{}/{}", commit, entry.path),
            fmt::format("the content of \"{}\" is gone; Python passes the whole repository over", entry.path),
            "Download the model again, or remove the link.", 0, true);
      }
    }
  }

  void Refs(const Contents& contents) {
    for (const auto& [name, target] : contents.refs) {
      if (!model::IsCommit(target)) {
        Add(Trouble::kBadRef, "refs/" + name,
            fmt::format("\"{}\" does not hold 40 hex characters and nothing else", "refs/" + name),
            model::IsCommit(Trim(target)) ? "Write it anew, without the white space." : "Remove it, or download the model again.",
            0, true);
      } else if (!contents.snapshots.contains(target)) {
        Add(Trouble::kDanglingRef, "refs/" + name,
            fmt::format("\"{}\" names commit {}, which is not here; Python passes the whole repository over", name, target),
            "Remove the ref, or download the model again.", 0, true);
      }
    }
  }

  void Blobs(const Contents& contents) {
    std::set<std::string> referred;
    for (const auto& [commit, entries] : contents.snapshots) {
      for (const Entry& entry : entries) referred.insert(entry.blob);
    }
    for (const auto& [name, status] : contents.blobs) {
      const auto listed = listed_.find(name);
      if (listed != listed_.end() && listed->second != static_cast<std::uint64_t>(status.st_size)) {
        Add(Trouble::kWrongSize, "blobs/" + name,
            fmt::format("the blob has {} bytes, the listing says {}", status.st_size, listed->second),
            "Remove it and download the model again.", Size(status), true);
      } else if (!referred.contains(name)) {
        const bool wanted = listed != listed_.end();
        Add(Trouble::kOrphanBlob, "blobs/" + name,
            wanted ? "a finished file of a download that is not" : "no snapshot refers to this blob",
            wanted ? "Go on with the download, or delete the model." : "Remove it.", Size(status), !wanted);
      }
      Duplicate(name, status);
    }
    for (const auto& [name, status] : contents.partials) {
      Add(Trouble::kPartialFile, "blobs/" + name,
          fmt::format("an unfinished download, {} so far", HumanBytes(static_cast<double>(status.st_size))),
          name.ends_with(kPartialSuffix) ? "Go on with the download, or remove it."
                                         : "Another program left it; remove it if none is downloading.",
          Size(status), true);
    }
  }

  void Duplicate(const std::string& name, const struct stat& status) {
    if (name.size() != 64 || !model::IsEtag(name)) return;
    const auto [at, added] = blobs_.try_emplace(name, Seen{folder_, status.st_dev, status.st_ino});
    if (added || (at->second.device == status.st_dev && at->second.inode == status.st_ino)) return;
    Add(Trouble::kDuplicate, "blobs/" + name, fmt::format("the same content is in {}", at->second.folder),
        "Delete one of the two models if both are not needed.", Size(status), false);
  }

  void Leftovers(const Folder& repo, const Contents& contents) {
    const auto add = [&](const std::string& path, std::string what) {
      const auto at = OpenBelow(repo, fs::path(path).parent_path(), Missing::kFail);
      const auto status = at ? StatBelow(*at, fs::path(path).filename().string()) : std::nullopt;
      Add(Trouble::kLeftover, path, std::move(what), "Remove it.", status ? Size(*status) : 0, true);
    };
    for (const std::string& commit : contents.listings) {
      if (!contents.snapshots.contains(commit)) add("trees/" + commit + ".json", "the listing of a snapshot that is gone");
    }
    for (const std::string& commit : contents.absences) {
      if (!contents.snapshots.contains(commit)) add(".no_exist/" + commit, "markers of a snapshot that is not here");
    }
    for (const std::string& name : contents.scratch) add(name, "a temporary file of a process that was killed");
  }

  const Cache& cache_;
  std::string folder_;
  std::map<std::string, std::uint64_t> listed_;  // of the repository at hand: etag -> size
  std::map<std::string, Seen> blobs_;            // of all so far
};

Result<> RemoveAt(const fs::path& root, const fs::path& path) {
  HOSTLER_TRY(const Folder top, OpenRoot(root, Missing::kFail));
  HOSTLER_TRY(const Folder at, OpenBelow(top, path.parent_path(), Missing::kFail));
  if (::unlinkat(at.fd.get(), path.filename().c_str(), 0) == 0) return {};
  if (errno != EISDIR) return Fail(DiskError(errno, "remove", at.path / path.filename()));
  HOSTLER_TRY(const Folder folder, OpenBelow(at, path.filename(), Missing::kFail));
  std::vector<std::string> names;
  ForEachEntry(folder, [&](const char* name, unsigned char) { names.emplace_back(name); });
  for (const std::string& name : names) HOSTLER_OK(RemoveAt(root, path / name));
  if (::unlinkat(at.fd.get(), path.filename().c_str(), AT_REMOVEDIR) == 0) return {};
  return Fail(DiskError(errno, "remove", at.path / path.filename()));
}

std::unexpected<Error> NotSo() {
  return Fail(Code::kNotFound, "it is not so any more", "Examine the cache again.");
}

// Of what stands in blobs/: held while it is removed, so that nobody begins to download it meanwhile.
Result<std::optional<BlobLock>> LockFor(const Cache& cache, const model::Repo& repo, const Finding& finding) {
  const std::string name = fs::path(finding.path).filename().string();
  const std::string etag = name.substr(0, name.find('.'));
  if (!finding.path.contains("/blobs/") || !model::IsEtag(etag)) return std::optional<BlobLock>();
  HOSTLER_TRY(auto lock, cache.TryLock(repo, etag));
  if (lock) return lock;
  return Fail(Error{
      Code::kConflict, fmt::format("another program is downloading {} just now", etag), "Wait until it is done.", {}, "busy"});
}

Result<> MendRef(const Cache& cache, const model::Repo& repo, const Finding& finding) {
  const std::string revision = finding.path.substr(finding.folder.size() + std::string_view("/refs/").size());
  HOSTLER_TRY(const Folder folder, OpenRepo(cache.root(), repo, Missing::kFail));
  const Contents contents = ReadContents(folder);
  const auto ref = contents.refs.find(revision);
  if (ref == contents.refs.end()) return NotSo();
  const std::string commit(Trim(ref->second));
  if (model::IsCommit(commit) && contents.snapshots.contains(commit) && model::IsRevision(revision))
    return cache.WriteRef(repo, revision, commit);
  return RemoveAt(cache.root(), finding.path);
}

}  // namespace

Result<std::vector<Finding>> Examine(const Cache& cache, const fs::path& shelf) {
  Examiner examiner(cache);
  const auto root = OpenRoot(cache.root(), Missing::kFail);
  if (!root && root.error().code != Code::kNotFound) return Fail(root.error());
  if (root) examiner.Root(*root);
  examiner.Space();
  if (!shelf.empty()) examiner.Shelf(shelf);
  std::ranges::stable_sort(examiner.findings, {}, &Finding::path);
  return std::move(examiner.findings);
}

Result<> Mend(const Cache& cache, const fs::path& shelf, const Finding& finding) {
  Examiner examiner(cache);
  const auto repo = model::RepoOfFolder(finding.folder);
  if (finding.trouble == Trouble::kDanglingShelf) {
    examiner.Shelf(shelf);
  } else if (repo) {
    HOSTLER_TRY(const Folder root, OpenRoot(cache.root(), Missing::kFail));
    examiner.Repository(root, finding.folder, *repo);
  }
  const auto still = std::ranges::find_if(
      examiner.findings, [&](const Finding& one) { return one.trouble == finding.trouble && one.path == finding.path; });
  if (still == examiner.findings.end()) {
    if (!finding.mendable) return Fail(Code::kUnsupported, "this is not for a program to mend", finding.remedy);
    return NotSo();
  }
  if (!still->mendable) return Fail(Code::kUnsupported, "this is not for a program to mend", still->remedy);
  if (finding.trouble == Trouble::kDanglingShelf) return RemoveAt(shelf, finding.path);
  HOSTLER_TRY(const auto lock, LockFor(cache, *repo, finding));
  // While anything of the repository is being downloaded, a blob without link may be about to get one.
  auto busy = BusyBlobs(cache, *repo);
  if (lock) std::erase_if(busy, [&](const std::string& etag) { return finding.path.contains(etag); });
  if (!busy.empty()) {
    return Fail(Error{Code::kConflict,
                      fmt::format("another program is downloading {} just now", busy.front()),
                      "Wait until it is done.",
                      {},
                      "busy"});
  }
  if (finding.trouble == Trouble::kBadRef) return MendRef(cache, *repo, finding);
  if (finding.trouble == Trouble::kMissingSnapshots) {
    HOSTLER_TRY(const Folder folder, OpenRepo(cache.root(), *repo, Missing::kFail));
    HOSTLER_OK(OpenBelow(folder, "snapshots", Missing::kMake));
    return {};
  }
  return RemoveAt(cache.root(), finding.path);
}

}  // namespace hostler::store
