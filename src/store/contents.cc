#include "store/contents.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "store/layout.h"
#include "store/walk.h"

namespace hostler::store {
namespace {

constexpr int kDeepest = 128;

class Reader {
 public:
  Reader(const Folder& repo, Contents& out) : repo_(repo), out_(out) {}

  void Read() {
    Each(repo_, "", [&](const std::string& name, const struct stat& status) {
      const bool known = name == "blobs" || name == "refs" || name == "snapshots";
      if (known && !S_ISDIR(status.st_mode)) out_.strays.push_back(name);
      if (IsScratchName(name)) out_.scratch.push_back(name);
    });
    Below("blobs", [&](const Folder&, const std::string& name, const struct stat& status) { AddBlob(name, status); });
    for (const auto& [name, status] : out_.blobs) names_.emplace(std::pair(status.st_dev, status.st_ino), name);
    ReadRefs("refs", "", 0);
    Below("snapshots", [&](const Folder&, const std::string& name, const struct stat& status) {
      out_.has_snapshots = true;
      if (IsIgnoredName(name)) return;
      if (!S_ISDIR(status.st_mode)) {
        out_.strays.push_back("snapshots/" + name);
        return;
      }
      auto& entries = out_.snapshots[name];
      ReadSnapshot("snapshots/" + name, "", 0, entries);
      std::ranges::sort(entries, {}, &Entry::path);
    });
    out_.has_snapshots = OpenBelow(repo_, "snapshots", Missing::kFail).has_value();
    Below("trees", [&](const Folder&, const std::string& name, const struct stat&) {
      if (name.ends_with(".json")) out_.listings.push_back(name.substr(0, name.size() - 5));
    });
    Below(".no_exist", [&](const Folder&, const std::string& name, const struct stat&) { out_.absences.push_back(name); });
  }

 private:
  using Visit = std::function<void(const Folder&, const std::string&, const struct stat&)>;

  void Each(const Folder& folder, const std::string& name,
            const std::function<void(const std::string&, const struct stat&)>& visit) {
    const bool whole = ForEachEntry(folder, [&](const char* entry, unsigned char) {
      if (const auto status = StatBelow(folder, entry)) visit(entry, *status);
    });
    if (!whole) out_.unreadable.push_back(name);
  }

  void Below(const std::string& name, const Visit& visit) {
    const auto folder = OpenBelow(repo_, name, Missing::kFail);
    if (!folder) {
      if (folder.error().code != Code::kNotFound) out_.unreadable.push_back(name);
      return;
    }
    Each(*folder, name, [&](const std::string& entry, const struct stat& status) { visit(*folder, entry, status); });
  }

  void AddBlob(const std::string& name, const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return;
    (name.ends_with(kIncomplete) ? out_.partials : out_.blobs).emplace(name, status);
  }

  void ReadRefs(const std::string& at, const std::string& prefix, int depth) {
    if (depth > kDeepest) return;
    Below(at, [&](const Folder& folder, const std::string& name, const struct stat& status) {
      if (S_ISDIR(status.st_mode))
        ReadRefs(at + "/" + name, prefix + name + "/", depth + 1);
      else if (!IsIgnoredName(name))
        out_.refs.emplace(prefix + name, ReadBelow(folder, name, 4096).value_or(""));
    });
  }

  void ReadSnapshot(const std::string& at, const std::string& prefix, int depth, std::vector<Entry>& entries) {
    if (depth > kDeepest) return;
    Below(at, [&](const Folder& folder, const std::string& name, const struct stat& status) {
      if (S_ISDIR(status.st_mode)) {
        ReadSnapshot(at + "/" + name, prefix + name + "/", depth + 1, entries);
        return;
      }
      Entry entry{prefix + name, {}, false, S_ISLNK(status.st_mode), static_cast<std::uint64_t>(status.st_size)};
      if (entry.is_link) Follow(folder, name, entry);
      entries.push_back(std::move(entry));
    });
  }

  void Follow(const Folder& folder, const std::string& name, Entry& entry) {
    const auto target = StatBelow(folder, name, true);
    entry.broken = !target;
    if (target) {
      entry.size = static_cast<std::uint64_t>(target->st_size);
      const auto found = names_.find(std::pair(target->st_dev, target->st_ino));
      if (found != names_.end()) entry.blob = found->second;
      return;
    }
    std::array<char, 4096> text;
    const ssize_t size = ::readlinkat(folder.fd.get(), name.c_str(), text.data(), text.size());
    const std::string_view link(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    entry.blob = link.substr(link.rfind('/') + 1);
    entry.size = 0;
  }

  const Folder& repo_;
  Contents& out_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;  // of blobs
};

// Whether somebody holds an exclusive flock on it. Nothing is made, and nothing is held.
bool IsHeld(const Folder& at, const std::string& name) {
  const os::Descriptor fd(::openat(at.fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void AddHeld(const Folder& at, std::string_view suffix, std::vector<std::string>& busy) {
  ForEachEntry(at, [&](const char* entry, unsigned char) {
    const std::string_view name = entry;
    if (name.ends_with(suffix) && IsHeld(at, entry)) busy.emplace_back(name.substr(0, name.size() - suffix.size()));
  });
}

}  // namespace

Contents ReadContents(const Folder& repo) {
  Contents contents;
  Reader(repo, contents).Read();
  return contents;
}

std::vector<std::string> BusyBlobs(const Cache& cache, const model::Repo& repo) {
  std::vector<std::string> busy;
  const auto root = OpenRoot(cache.root(), Missing::kFail);
  if (!root) return busy;
  const std::filesystem::path folder = model::FolderName(repo);
  if (const auto locks = OpenBelow(*root, std::filesystem::path(kLocks) / folder, Missing::kFail)) AddHeld(*locks, ".lock", busy);
  if (const auto blobs = OpenBelow(*root, folder / "blobs", Missing::kFail)) AddHeld(*blobs, kPartialSuffix, busy);
  std::ranges::sort(busy);
  const auto same = std::ranges::unique(busy);
  busy.erase(same.begin(), same.end());
  return busy;
}

}  // namespace hostler::store
