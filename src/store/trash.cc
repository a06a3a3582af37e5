// What was removed lies in the trash as DATA (the repository's folder, or the paths out of it) beside a manifest that was on
// disk before the first rename. A whole folder goes by one rename. Otherwise refs go first, then snapshots, then the rest, and
// blobs last, and come back the other way round: a link never points at nothing, whenever the process is killed.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "store/contents.h"
#include "store/folder.h"
#include "store/layout.h"
#include "store/removal.h"
#include "store/walk.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTrash = ".hostler-trash";
constexpr std::string_view kPurging = ".purging";
constexpr std::string_view kData = "data";
constexpr std::string_view kManifest = "manifest.json";

// kMoving: some paths are here, some are not yet, or no longer; Recover() puts all back. A whole folder is either here or not.
enum class TrashState { kMoving, kDone };
BOOST_DESCRIBE_ENUM(TrashState, kMoving, kDone)

struct Manifest {
  int version = 1;
  TrashState state = TrashState::kMoving;
  model::RepoKind kind = model::RepoKind::kModel;
  std::string repo;
  std::string label;
  bool whole = false;
  bool doomed = false;
  std::vector<std::string> paths;  // in the order in which they go
  std::uint64_t bytes = 0;
  double removed_at = 0;

  [[nodiscard]] model::Repo Repo() const { return {kind, repo}; }
};
BOOST_DESCRIBE_STRUCT(Manifest, (), (version, state, kind, repo, label, whole, doomed, paths, bytes, removed_at))

// The mount, not the device: a rename does not go from one mount to another, though they show the same file system.
std::optional<std::uint64_t> MountOf(const fs::path& path) {
  struct statx status{};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &status) != 0) return std::nullopt;
  return status.stx_mnt_id;
}

fs::path PlaceFor(const fs::path& root) {
  const fs::path beside = root.has_parent_path() ? root.parent_path() : fs::path(".");
  std::error_code ignored;
  const fs::path real = fs::is_symlink(root, ignored) ? fs::canonical(root, ignored).parent_path() : beside;
  const auto outside = MountOf(real);
  const auto inside = MountOf(root);
  const bool same = outside && (!inside || *inside == *outside);  // a cache that is not there yet will be made there
  if (same && ::access(real.c_str(), W_OK) == 0) return real / kTrash / root.filename();
  if (!outside && !inside) return beside / kTrash / root.filename();
  return root / kLocks / kTrash;
}

int Order(const std::string& path) {
  if (path.starts_with("refs/")) return 0;
  if (path.starts_with("snapshots/")) return 1;
  return path.starts_with("blobs/") ? 3 : 2;
}

Result<> Rename(const Folder& from, const fs::path& source, const Folder& to, const fs::path& target) {
  HOSTLER_TRY(const Folder at, OpenBelow(from, source.parent_path(), Missing::kFail));
  HOSTLER_TRY(const Folder into, OpenBelow(to, target.parent_path(), Missing::kMake));
  if (::renameat2(at.fd.get(), source.filename().c_str(), into.fd.get(), target.filename().c_str(), RENAME_NOREPLACE) == 0)
    return {};
  if (errno != EEXIST) return Fail(DiskError(errno, "move", at.path / source.filename()));
  return Fail(Code::kConflict, fmt::format("\"{}\" is there already", (into.path / target.filename()).string()),
              "Move it away, or leave the removed one in the trash.");
}

// Folders that a move left empty, upward from `path`'s; what is not empty stays.
void DropEmpty(const Folder& at, fs::path path) {
  for (path = path.parent_path(); path.has_parent_path(); path = path.parent_path()) {
    const auto folder = OpenBelow(at, path.parent_path(), Missing::kFail);
    if (!folder || ::unlinkat(folder->fd.get(), path.filename().c_str(), AT_REMOVEDIR) != 0) return;
  }
}

std::vector<std::string> NamesIn(const Folder& folder) {
  std::vector<std::string> names;
  ForEachEntry(folder, [&](const char* name, unsigned char) { names.emplace_back(name); });
  return names;
}

Result<> RemoveTree(const Folder& at, const std::string& name) {
  if (::unlinkat(at.fd.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return Fail(DiskError(errno, "remove", at.path / name));
  const auto open = OpenBelow(at, name, Missing::kFail);
  if (!open) return open.error().code == Code::kNotFound ? Result<>{} : Fail(open.error());  // another one removes it as well
  const Folder& folder = *open;
  for (const std::string& entry : NamesIn(folder)) HOSTLER_OK(RemoveTree(folder, entry));
  if (::unlinkat(at.fd.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  return Fail(DiskError(errno, "remove", at.path / name));
}

// The manifest last: as long as anything is there, Recover() knows what it is.
Result<> RemoveItem(const Folder& trash, const std::string& id) {
  if (const auto item = OpenBelow(trash, id, Missing::kFail)) HOSTLER_OK(RemoveTree(*item, std::string(kData)));
  return RemoveTree(trash, id);
}

std::optional<Manifest> ReadManifest(const Folder& item) {
  const auto text = ReadBelow(item, std::string(kManifest), kMostListing);
  auto manifest = text ? json::Parse<Manifest>(*text) : Fail(Code::kNotFound, "none");
  if (!manifest || manifest->version != 1 || !CheckRepo(manifest->Repo())) return std::nullopt;
  return std::move(*manifest);
}

Result<> WriteManifest(const Folder& item, const Manifest& manifest) {
  return WriteBelow(item, std::string(kManifest), json::ToJson(manifest), item);
}

// What is only waiting to be unlinked. Returns bytes freed.
Result<std::uint64_t> Burn(const Folder& trash, const std::string& name) {
  const auto item = OpenBelow(trash, name, Missing::kFail);
  if (!item) return item.error().code == Code::kNotFound ? Result<std::uint64_t>(0) : Fail(item.error());
  const std::uint64_t bytes = Sum(ReadTree(*item, std::string(kData), [](int) {}).taken);
  HOSTLER_OK(RemoveTree(trash, name));
  return bytes;
}

bool IsId(std::string_view id) {
  return id.size() > 4 && id.size() < 64 &&
         std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; });
}

TrashItem ItemOf(const std::string& id, const Manifest& manifest) {
  return {id, manifest.Repo(), manifest.label, manifest.bytes, manifest.removed_at};
}

Result<> CheckPaths(const Manifest& manifest) {
  for (const std::string& path : manifest.paths) {
    if (!path.contains('/') || fs::path(path).is_absolute() || path.contains("/../") || path.starts_with("../") ||
        path.ends_with("/.."))
      return Fail(Code::kInternal, fmt::format("the trash's manifest has the path \"{}\"", path), "Look at who wrote it.");
  }
  return {};
}

}  // namespace

// One operation on one item: the trash, locked, the cache's root and the item's folder, open.
struct Trash::Moves {
  Folder trash;
  os::Descriptor lock;
  Folder root;
  Folder item;
  Manifest manifest;

  [[nodiscard]] std::string Name() const { return model::FolderName(manifest.Repo()); }

  // Only one at a time, of all hostlers that share this cache; each takes milliseconds.
  static Result<std::pair<Folder, os::Descriptor>> Lock(const fs::path& folder) {
    HOSTLER_TRY(Folder trash, OpenRoot(folder, Missing::kMake));
    os::Descriptor lock(::openat(trash.fd.get(), ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!lock) return Fail(DiskError(errno, "open the lock", folder / ".lock"));
    while (::flock(lock.get(), LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK) break;
      return Fail(DiskError(errno, "lock", folder / ".lock"));
    }
    return std::pair(std::move(trash), std::move(lock));
  }

  static Result<Moves> Open(const Trash& trash, const std::string& id) {
    const auto gone = [&] {
      return Fail(Code::kNotFound, fmt::format("the trash holds no \"{}\"", Clip(Printable(id), 80)), "List what it holds.");
    };
    if (!IsId(id)) return gone();
    HOSTLER_TRY(auto locked, Lock(trash.folder_));
    auto item = OpenBelow(locked.first, id, Missing::kFail);
    auto manifest = item ? ReadManifest(*item) : std::nullopt;
    if (!manifest) return gone();
    HOSTLER_OK(CheckPaths(*manifest));
    HOSTLER_TRY(Folder root, OpenRoot(trash.cache_.root(), Missing::kMake));
    return Moves{std::move(locked.first), std::move(locked.second), std::move(root), std::move(*item), std::move(*manifest)};
  }

  Result<> Move() {
    if (manifest.whole) return Rename(root, Name(), item, kData);
    HOSTLER_TRY(const Folder repo, OpenBelow(root, Name(), Missing::kFail));
    for (const std::string& path : manifest.paths) {
      HOSTLER_OK(Rename(repo, path, item, fs::path(kData) / path));
      // `refs/` and the like stay; only what was below them may go.
      DropEmpty(repo, path);
    }
    return {};
  }

  Result<> MoveBack() {
    if (manifest.whole) return Rename(item, kData, root, Name());
    HOSTLER_TRY(const Folder repo, OpenBelow(root, Name(), Missing::kMake));
    for (auto path = manifest.paths.rbegin(); path != manifest.paths.rend(); ++path) {
      const auto at = OpenBelow(item, (fs::path(kData) / *path).parent_path(), Missing::kFail);
      if (!at || !StatBelow(*at, fs::path(*path).filename().string())) continue;  // did not go, or is back already
      const auto done = Rename(item, fs::path(kData) / *path, repo, *path);
      // The same blob or link came again meanwhile: what is there stays, ours goes with the item.
      if (!done && done.error().code != Code::kConflict) return done;
    }
    return {};
  }

  // Before anything moves: would everything find its place, and every link its blob?
  Result<> CheckBack() {
    const auto there = OpenBelow(root, Name(), Missing::kFail);
    if (!there) return there.error().code == Code::kNotFound ? CheckLinks(nullptr) : Fail(there.error());
    if (manifest.whole) {
      return Fail(Code::kConflict, fmt::format("\"{}\" has been downloaded again meanwhile", manifest.label),
                  "Keep that one, or delete it first and then restore this one.");
    }
    for (const std::string& path : manifest.paths) {
      if (path.starts_with("blobs/")) continue;  // named by its content: the same
      const auto at = OpenBelow(*there, fs::path(path).parent_path(), Missing::kFail);
      if (!at || !StatBelow(*at, fs::path(path).filename().string())) continue;
      return Fail(Code::kConflict, fmt::format("\"{}\" of {} is there again", path, manifest.label),
                  "Delete that one first, or leave this one in the trash.");
    }
    return CheckLinks(&*there);
  }

  Result<> CheckLinks(const Folder* there) {
    const auto data = OpenBelow(item, fs::path(kData), Missing::kFail);
    if (!data || manifest.whole) return {};
    const auto blobs = there != nullptr ? ReadContents(*there).blobs : decltype(Contents::blobs)();
    const Contents ours = ReadContents(*data);
    for (const auto& [commit, entries] : ours.snapshots) {
      for (const Entry& entry : entries) {
        if (!entry.broken || ours.blobs.contains(entry.blob) || blobs.contains(entry.blob)) continue;
        return Fail(Code::kConflict, fmt::format("the content of \"{}\" was removed by itself since", entry.path),
                    "Restore the later removal of this model first, or download it again.");
      }
    }
    return {};
  }
};

Trash::Trash(const Cache& cache) : cache_(cache), folder_(PlaceFor(cache.root())) {}

Result<TrashItem> Trash::Remove(const RemovalPlan& plan, const std::string& label, Fate fate) const {
  HOSTLER_TRY(auto locked, Moves::Lock(folder_));
  HOSTLER_TRY(const RemovalPlan now, PlanRemoval(cache_, plan.scope));
  if (!now.busy.empty()) {
    return Fail(Error{Code::kConflict,
                      fmt::format("another program is downloading {} just now: {}", label, now.busy.front()),
                      "Wait until it is done, or stop it.",
                      {},
                      "busy"});
  }
  if (now.Digest() != plan.Digest()) {
    return Fail(Error{Code::kConflict,
                      fmt::format("the files of {} have changed since the plan was shown", label),
                      "Look at the new plan and confirm that.",
                      {},
                      "plan_changed"});
  }
  for (const std::string& path : now.paths) {
    if (Utf8Length(path)) continue;  // else the manifest could not name it, and it would not come back
    return Fail(Code::kUnsupported, fmt::format("the name of \"{}\" is no UTF-8", Printable(path)),
                "Delete the whole repository instead.");
  }
  if (now.Empty())
    return Fail(Code::kNotFound, fmt::format("nothing of {} is in the cache", label), "There is nothing to delete.");

  Manifest manifest;
  manifest.kind = plan.scope.repo.kind;
  manifest.repo = plan.scope.repo.id;
  manifest.label = label;
  manifest.whole = now.whole_folder;
  manifest.doomed = fate == Fate::kDoomed;
  if (manifest.whole) manifest.state = TrashState::kDone;  // one rename: done or not begun
  manifest.paths = now.paths;
  std::ranges::stable_sort(manifest.paths, {}, Order);
  manifest.bytes = now.bytes_freed;
  manifest.removed_at = UnixSeconds(WallClock::now());
  const std::string id = fmt::format("{:012x}-{}", static_cast<std::uint64_t>(manifest.removed_at * 1000), RandomHex(8));
  HOSTLER_TRY(Folder item, OpenBelow(locked.first, id, Missing::kMake));
  HOSTLER_OK(WriteManifest(item, manifest));
  HOSTLER_TRY(Folder root, OpenRoot(cache_.root(), Missing::kFail));
  Moves moves{std::move(locked.first), std::move(locked.second), std::move(root), std::move(item), manifest};
  Result<> done = moves.Move();
  if (done && !moves.manifest.whole) {
    moves.manifest.state = TrashState::kDone;
    done = WriteManifest(moves.item, moves.manifest);
  }
  if (!done) {
    if (auto back = moves.manifest.whole ? Result<>{} : moves.MoveBack(); back) (void)RemoveItem(moves.trash, id);
    return Fail(done.error());
  }
  return ItemOf(id, moves.manifest);
}

Result<TrashItem> Trash::Restore(const std::string& id) const {
  HOSTLER_TRY(Moves moves, Moves::Open(*this, id));
  HOSTLER_OK(moves.CheckBack());
  if (!moves.manifest.whole) {
    moves.manifest.state = TrashState::kMoving;
    HOSTLER_OK(WriteManifest(moves.item, moves.manifest));
  }
  HOSTLER_OK(moves.MoveBack());
  HOSTLER_OK(RemoveItem(moves.trash, id));
  return ItemOf(id, moves.manifest);
}

std::vector<TrashItem> Trash::List() const {
  std::vector<TrashItem> items;
  const auto trash = OpenRoot(folder_, Missing::kFail);
  if (!trash) return items;
  ForEachEntry(*trash, [&](const char* name, unsigned char) {
    if (!IsId(name)) return;
    const auto item = OpenBelow(*trash, name, Missing::kFail);
    const auto manifest = item ? ReadManifest(*item) : std::nullopt;
    if (manifest && !manifest->doomed && StatBelow(*item, std::string(kData))) items.push_back(ItemOf(name, *manifest));
  });
  std::ranges::sort(items, [](const TrashItem& a, const TrashItem& b) {
    return std::pair(a.removed_at, a.id) > std::pair(b.removed_at, b.id);
  });
  return items;
}

Result<std::uint64_t> Trash::Purge(const std::string& id) const {
  const std::string doomed = id + std::string(kPurging);
  {
    // From this rename on it is gone for everybody, whatever becomes of us; unlinking may take its time, unlocked.
    HOSTLER_TRY(const Moves moves, Moves::Open(*this, id));
    if (::renameat(moves.trash.fd.get(), id.c_str(), moves.trash.fd.get(), doomed.c_str()) != 0)
      return Fail(DiskError(errno, "purge", folder_ / id));
  }
  HOSTLER_TRY(const Folder trash, OpenRoot(folder_, Missing::kFail));
  return Burn(trash, doomed);
}

Result<std::uint64_t> Trash::PurgeOlderThan(double unix_seconds) const {
  const auto trash = OpenRoot(folder_, Missing::kFail);
  if (!trash) return 0;  // never used, or not to be read
  std::uint64_t bytes = 0;
  for (const std::string& name : NamesIn(*trash)) {
    if (name.ends_with(kPurging)) {
      HOSTLER_TRY(const std::uint64_t burnt, Burn(*trash, name));
      bytes += burnt;
    }
    const auto item = IsId(name) ? OpenBelow(*trash, name, Missing::kFail) : Fail(Code::kNotFound, "no item");
    const auto manifest = item ? ReadManifest(*item) : std::nullopt;
    if (!manifest || (!manifest->doomed && manifest->removed_at >= unix_seconds)) continue;
    if (!manifest->whole && manifest->state == TrashState::kMoving) continue;  // Recover() takes it back
    const auto purged = Purge(name);
    if (!purged && purged.error().code != Code::kNotFound) return purged;
    bytes += purged.value_or(0);
  }
  return bytes;
}

Result<> Trash::Recover() const {
  if (!OpenRoot(folder_, Missing::kFail)) return {};  // never used, or not to be read: nothing of ours is half done
  std::vector<std::string> names;
  {
    HOSTLER_TRY(const auto locked, Moves::Lock(folder_));
    names = NamesIn(locked.first);
    for (const std::string& name : names) {
      if (!IsId(name)) continue;
      const auto item = OpenBelow(locked.first, name, Missing::kFail);
      // Killed before the manifest was there, or before the one rename of a whole folder: nothing has moved.
      if (item && !StatBelow(*item, std::string(kData))) HOSTLER_OK(RemoveTree(locked.first, name));
    }
  }
  for (const std::string& name : names) {
    auto moves = IsId(name) ? Moves::Open(*this, name) : Fail(Code::kNotFound, "no item");
    if (!moves || moves->manifest.whole || moves->manifest.state == TrashState::kDone) continue;
    HOSTLER_OK(moves->MoveBack());
    HOSTLER_OK(RemoveItem(moves->trash, name));
  }
  return {};
}

}  // namespace hostler::store
