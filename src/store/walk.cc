#include "store/walk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <unordered_map>

#include "os/system_error.h"
#include "store/layout.h"

namespace hostler::store {
namespace {

constexpr int kDeepest = 128;
constexpr std::uint64_t kBlock = 512;  // of st_blocks, whatever the file system's own is

using Identity = std::pair<dev_t, ino_t>;

struct Blob {
  Identity identity;
  std::uint64_t size = 0;
  double modified = 0;
  double accessed = 0;
};

double Seconds(const struct timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Blob BlobOf(const struct stat& status) {
  return {{status.st_dev, status.st_ino},
          static_cast<std::uint64_t>(status.st_size),
          Seconds(status.st_mtim),
          Seconds(status.st_atim)};
}

// One walk: collects what du counts and what went wrong.
class Walker {
 public:
  explicit Walker(const Watch& watch) : watch_(watch) {}

  void Take(const struct stat& status) {
    reading.taken.push_back({status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_blocks) * kBlock});
  }

  // Somebody may remove what was listed a moment ago: that is no error.
  void Failed(const std::filesystem::path& path, int error) {
    if (error != ENOENT) reading.errors.push_back(fmt::format("cannot read \"{}\": {}", path.string(), os::ErrnoText(error)));
  }

  std::optional<Folder> Open(const Folder& at, const std::string& name, bool follow = false) {
    Folder folder{
        os::Descriptor(::openat(at.fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW))),
        at.path / name};
    if (!folder.fd) {
      Failed(folder.path, errno);
      return std::nullopt;
    }
    watch_(folder.fd.get());
    return folder;
  }

  // Visits every entry with its own status, counted already.
  template <class Visit>
  void Each(const Folder& folder, const Visit& visit) {
    const bool whole = ForEachEntry(folder, [&](const char* name, unsigned char) {
      struct stat status{};
      if (::fstatat(folder.fd.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        Failed(folder.path / name, errno);
        return;
      }
      Take(status);
      visit(name, status);
    });
    if (!whole) Failed(folder.path, errno);
  }

  void Below(const Folder& at, const std::string& name, int depth) {
    if (depth > kDeepest) {
      reading.errors.push_back(fmt::format("\"{}\" is nested too deeply", (at.path / name).string()));
      return;
    }
    const auto folder = Open(at, name);
    if (!folder) return;
    Each(*folder, [&](const char* entry, const struct stat& status) {
      if (S_ISDIR(status.st_mode)) Below(*folder, entry, depth + 1);
    });
  }

  Reading Result() {
    std::ranges::sort(reading.taken);
    const auto same =
        std::ranges::unique(reading.taken, {}, [](const Taken& taken) { return Identity(taken.device, taken.inode); });
    reading.taken.erase(same.begin(), same.end());
    return std::move(reading);
  }

  Reading reading;

 private:
  const Watch& watch_;
};

class RepoReader {
 public:
  RepoReader(Walker& walker, ScannedRepo& out) : walker_(walker), out_(out) {}

  void Read(const Folder& repo, const struct stat& own) {
    std::map<std::string, struct stat> entries;
    walker_.Each(repo, [&](const char* name, const struct stat& status) { entries.emplace(name, status); });
    const auto is_folder = [&](const char* name) { return entries.contains(name) && S_ISDIR(entries.at(name).st_mode); };
    if (is_folder("blobs")) ReadBlobs(repo);
    if (is_folder("refs"))
      ReadRefs(repo, "refs", "", 0);
    else if (entries.contains("refs"))
      Problem("refs is a file");
    if (is_folder("snapshots"))
      ReadSnapshots(repo);
    else
      Problem("there is no folder snapshots");
    for (const auto& [name, status] : entries) {
      if (S_ISDIR(status.st_mode) && name != "blobs" && name != "refs" && name != "snapshots") walker_.Below(repo, name, 1);
    }
    Conclude(own);
  }

 private:
  // Only the first is kept: the clients stop there too.
  void Problem(std::string text) {
    if (out_.problem.empty()) out_.problem = std::move(text);
  }

  void ReadBlobs(const Folder& repo) {
    const auto folder = walker_.Open(repo, "blobs");
    if (!folder) return;
    walker_.Each(*folder, [&](const char* name, const struct stat& status) {
      if (S_ISDIR(status.st_mode)) walker_.Below(*folder, name, 2);
      if (!S_ISREG(status.st_mode)) return;
      if (!std::string_view(name).ends_with(kIncomplete)) {
        blobs_.emplace(name, BlobOf(status));
        return;
      }
      out_.partial += static_cast<std::uint64_t>(status.st_size);
      if (std::string_view(name).ends_with(kPartialSuffix)) out_.resumable += static_cast<std::uint64_t>(status.st_size);
    });
  }

  void ReadRefs(const Folder& at, const std::string& name, const std::string& prefix, int depth) {
    const auto folder = depth < kDeepest ? walker_.Open(at, name) : std::nullopt;
    if (!folder) return;
    walker_.Each(*folder, [&](const char* entry, const struct stat& status) {
      if (S_ISDIR(status.st_mode)) {
        ReadRefs(*folder, entry, prefix + entry + "/", depth + 1);
      } else if (!IsIgnoredName(entry)) {
        refs_[ReadBelow(*folder, entry, 4096).value_or("")].push_back(prefix + entry);
      }
    });
  }

  void ReadSnapshots(const Folder& repo) {
    const auto folder = walker_.Open(repo, "snapshots");
    if (!folder) return;
    walker_.Each(*folder, [&](const char* name, const struct stat& status) {
      if (IsIgnoredName(name)) return;
      if (!S_ISDIR(status.st_mode)) {
        Problem(fmt::format("there is a file in snapshots: {}", name));
        return;
      }
      ScannedRevision revision{name, {}, 0, 0, 0};
      std::set<Identity> seen;
      ReadSnapshot(*folder, name, "", 0, revision, seen);
      if (seen.empty()) revision.last_modified = Seconds(status.st_mtim);
      out_.revisions.push_back(std::move(revision));
    });
  }

  void ReadSnapshot(const Folder& at, const std::string& name, const std::string& prefix, int depth, ScannedRevision& revision,
                    std::set<Identity>& seen) {
    const auto folder = depth < kDeepest ? walker_.Open(at, name) : std::nullopt;
    if (!folder) return;
    walker_.Each(*folder, [&](const char* entry, const struct stat& status) {
      if (S_ISDIR(status.st_mode)) {
        ReadSnapshot(*folder, entry, prefix + entry + "/", depth + 1, revision, seen);
        return;
      }
      const auto blob = S_ISLNK(status.st_mode) ? Resolve(*folder, entry, prefix + entry) : BlobOf(status);
      if (!blob) return;
      ++revision.files;
      referred_.emplace(blob->identity, *blob);
      if (!seen.insert(blob->identity).second) return;
      revision.size += blob->size;
      revision.last_modified = std::max(revision.last_modified, blob->modified);
    });
  }

  // Nearly every link is `../../blobs/<etag>`, and that blob was looked at already.
  std::optional<Blob> Resolve(const Folder& folder, const char* entry, const std::string& path) {
    std::array<char, 4096> text;
    const ssize_t size = ::readlinkat(folder.fd.get(), entry, text.data(), text.size());
    if (size > 0) {
      const std::string_view target(text.data(), static_cast<std::size_t>(size));
      const auto etag = target.substr(target.rfind('/') + 1);
      const auto found = blobs_.find(std::string(etag));
      if (found != blobs_.end() && target == LinkTarget(path, etag)) return found->second;
    }
    struct stat status{};
    if (::fstatat(folder.fd.get(), entry, &status, 0) != 0) {
      Problem(fmt::format("a link leads to no blob: {}", path));
      return std::nullopt;
    }
    walker_.reading.foreign = true;
    if (S_ISDIR(status.st_mode)) return std::nullopt;
    return BlobOf(status);
  }

  void Conclude(const struct stat& own) {
    std::ranges::sort(out_.revisions, {}, &ScannedRevision::commit);
    for (ScannedRevision& revision : out_.revisions) {
      const auto at = refs_.find(revision.commit);
      if (at == refs_.end()) continue;
      revision.refs = std::move(at->second);
      std::ranges::sort(revision.refs);
      refs_.erase(at);
    }
    if (!refs_.empty()) Problem(fmt::format("a ref names a commit without a snapshot: {}", refs_.begin()->second.front()));
    if (out_.repo.kind == model::RepoKind::kKernel) Problem("huggingface_hub's scan does not know kernels");
    for (const auto& [identity, blob] : referred_) {
      out_.size += blob.size;
      out_.last_modified = std::max(out_.last_modified, blob.modified);
      out_.last_accessed = std::max(out_.last_accessed, blob.accessed);
    }
    if (referred_.empty()) {
      out_.last_modified = Seconds(own.st_mtim);
      out_.last_accessed = Seconds(own.st_atim);
    }
    for (const auto& [name, blob] : blobs_) {
      if (!referred_.contains(blob.identity)) out_.unreferenced += blob.size;
    }
  }

  Walker& walker_;
  ScannedRepo& out_;
  std::unordered_map<std::string, Blob> blobs_;           // by name
  std::map<Identity, Blob> referred_;                     // from any snapshot
  std::map<std::string, std::vector<std::string>> refs_;  // by content
};

}  // namespace

Reading ReadTree(const Folder& root, const std::string& name, const Watch& watch) {
  Walker walker(watch);
  const auto status = StatBelow(root, name);
  if (!status) return walker.Result();
  walker.Take(*status);
  if (S_ISDIR(status->st_mode)) walker.Below(root, name, 0);
  return walker.Result();
}

Reading ReadRepo(const Folder& root, const Watch& watch, ScannedRepo& repo) {
  Walker walker(watch);
  const auto status = StatBelow(root, repo.folder);
  if (!status) return walker.Result();
  // A folder on another disk, linked in by the user: read like any other, but on this disk it takes no more than the link.
  const bool is_link = S_ISLNK(status->st_mode);
  const auto folder = walker.Open(root, repo.folder, is_link);
  if (folder) RepoReader(walker, repo).Read(*folder, *status);
  if (is_link) walker.reading.taken.clear();
  walker.Take(*status);
  walker.reading.foreign |= is_link;
  Reading reading = walker.Result();
  repo.disk = Sum(reading.taken);
  return reading;
}

std::uint64_t Sum(const std::vector<Taken>& taken) {
  std::uint64_t sum = 0;
  for (const Taken& one : taken) sum += one.bytes;
  return sum;
}

bool IsIgnoredName(std::string_view name) {
  return name == ".DS_Store" || name == "Thumbs.db" || name == "desktop.ini";
}

}  // namespace hostler::store
