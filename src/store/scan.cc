// A scan is put together from units, the entries of the root. The kernel tells which unit has changed since it was read
// (inotify on each of its folders); only those are read again. Each folder is watched before it is read, so a change is either
// seen by the reading or reported for the next one. Where the kernel cannot tell (network file systems, no watches left, links
// that lead elsewhere), the unit is read each time: slower, never stale.

#include "store/scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/clock.h"
#include "base/text.h"
#include "os/system_error.h"
#include "store/folder.h"
#include "store/layout.h"
#include "store/removal.h"
#include "store/walk.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents =
    IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::size_t kMostErrors = 20;
const std::string kRootUnit = "/";  // no entry can be called so

enum class UnitKind { kRepo, kLocks, kTrash, kOther };

struct Unit {
  UnitKind kind = UnitKind::kOther;
  bool dirty = true;
  bool unwatched = false;
  ScannedRepo repo;
  Reading reading;
  std::set<int> watches;
};

// Changes made by other machines are not told on these; which of them FUSE is, nobody knows.
bool TellsChanges(int folder) {
  struct statfs status{};
  if (::fstatfs(folder, &status) != 0) return false;
  switch (static_cast<unsigned long>(status.f_type)) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case 0x2fc12fc1UL:  // ZFS
      return true;
    default: return false;
  }
}

}  // namespace

struct Scanner::State {
  explicit State(const Cache& of) : cache(of), trash(Trash(of).folder()) {}

  const Cache& cache;
  const fs::path trash;

  std::mutex scanning;  // held for a whole scan: a second one would only read the same again
  os::Descriptor notify;
  std::unordered_map<int, std::string> owners;  // watch -> unit
  std::map<std::string, Unit> units;
  std::pair<dev_t, ino_t> root_identity{};
  bool root_unwatched = false;
  std::set<int> root_watches;

  std::mutex guard;  // of what follows; never held across the disk
  std::shared_ptr<const Scan> last;
  std::set<std::string> changed;

  void Forget();
  bool Drain();
  void Dirty(const std::string& unit, bool& root);
  bool AddWatch(int folder, const std::string& unit, std::set<int>& watches);
  void DropWatches(const std::set<int>& old, const std::set<int>& current, const std::string& unit);
  void ListRoot(const Folder& root, std::vector<std::string>& errors);
  void ReadUnit(const Folder& root, const std::string& name, Unit& unit);
  std::shared_ptr<const Scan> Compose(const Folder& root, const std::vector<std::string>& root_errors);
  std::shared_ptr<const Scan> Run(bool force);
};

void Scanner::State::Forget() {
  notify = os::Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  owners.clear();
  units.clear();
  root_watches.clear();
  root_identity = {};
}

void Scanner::State::Dirty(const std::string& unit, bool& root) {
  if (unit == kRootUnit) root = true;
  const auto found = units.find(unit);
  if (found != units.end()) found->second.dirty = true;
}

// Whether the root itself changed. Marks the units that did.
bool Scanner::State::Drain() {
  bool root = false;
  alignas(inotify_event) std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = notify ? ::read(notify.get(), buffer.data(), buffer.size()) : 0;
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return root;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {  // something was not told: everything may have changed
        root = true;
        for (auto& [name, unit] : units) unit.dirty = true;
        continue;
      }
      const auto owner = owners.find(event->wd);
      if (owner == owners.end()) continue;
      Dirty(owner->second, root);
      if (owner->second == kRootUnit && event->len > 0) Dirty(event->name, root);  // perhaps another one of the same name
      if (owner->second == kRootUnit && event->len > 0) Dirty(event->name, root);  // perhaps another one of the same name
      if ((event->mask & IN_IGNORED) != 0) owners.erase(owner);
    }
  }
}

bool Scanner::State::AddWatch(int folder, const std::string& unit, std::set<int>& watches) {
  if (!notify) return false;
  // Through the descriptor: the name may mean something else by now.
  const int watch = ::inotify_add_watch(notify.get(), fmt::format("/proc/self/fd/{}", folder).c_str(), kEvents);
  if (watch < 0) return false;
  owners[watch] = unit;
  watches.insert(watch);
  return true;
}

// Folders that were moved away are still watched; one that another unit has now is that unit's.
void Scanner::State::DropWatches(const std::set<int>& old, const std::set<int>& current, const std::string& unit) {
  for (const int watch : old) {
    if (current.contains(watch)) continue;
    const auto owner = owners.find(watch);
    if (owner == owners.end() || owner->second != unit) continue;
    owners.erase(owner);
    ::inotify_rm_watch(notify.get(), watch);
  }
}

void Scanner::State::ListRoot(const Folder& root, std::vector<std::string>& errors) {
  root_unwatched = !TellsChanges(root.fd.get()) || !AddWatch(root.fd.get(), kRootUnit, root_watches);
  std::set<std::string> present;
  const bool whole = ForEachEntry(root, [&](const char* entry, unsigned char) {
    const std::string name = entry;
    present.insert(name);
    const auto [at, added] = units.try_emplace(name);
    const auto repo = model::RepoOfFolder(name);
    const auto status = StatBelow(root, name, true);
    const bool is_repo = repo && status && S_ISDIR(status->st_mode);
    at->second.kind = name == kLocks ? UnitKind::kLocks : is_repo ? UnitKind::kRepo : UnitKind::kOther;
    at->second.repo.folder = name;
    if (is_repo) at->second.repo.repo = *repo;
    if (at->second.kind == UnitKind::kOther) at->second.dirty = true;  // plain files have no watch of their own
  });
  if (!whole) errors.push_back(fmt::format("cannot read \"{}\": {}", root.path.string(), os::ErrnoText(errno)));
  for (auto at = units.begin(); at != units.end();) {
    if (present.contains(at->first)) {
      ++at;
      continue;
    }
    DropWatches(at->second.watches, {}, at->first);
    at = units.erase(at);
  }
}

void Scanner::State::ReadUnit(const Folder& root, const std::string& name, Unit& unit) {
  std::set<int> watches;
  bool watched = !root_unwatched;
  const Watch watch = [&](int folder) { watched = watched && TellsChanges(folder) && AddWatch(folder, name, watches); };
  unit.dirty = false;
  if (unit.kind == UnitKind::kRepo) {
    ScannedRepo repo;
    repo.folder = unit.repo.folder;
    repo.repo = unit.repo.repo;
    unit.reading = ReadRepo(root, watch, repo);
    unit.repo = std::move(repo);
  } else {
    unit.reading = ReadTree(root, name, watch);
  }
  unit.unwatched = !watched || unit.reading.foreign || !unit.reading.errors.empty();
  DropWatches(unit.watches, watches, name);
  unit.watches = std::move(watches);
}

std::shared_ptr<const Scan> Scanner::State::Compose(const Folder& root, const std::vector<std::string>& root_errors) {
  auto scan = std::make_shared<Scan>();
  std::vector<std::string> errors = root_errors;
  std::vector<std::pair<Taken, UnitKind>> all;
  struct stat own{};
  if (::fstat(root.fd.get(), &own) == 0)
    all.emplace_back(Taken{own.st_dev, own.st_ino, static_cast<std::uint64_t>(own.st_blocks) * 512}, UnitKind::kOther);
  for (const auto& [name, unit] : units) {
    for (const Taken& taken : unit.reading.taken) all.emplace_back(taken, unit.kind);
    errors.insert(errors.end(), unit.reading.errors.begin(), unit.reading.errors.end());
    if (unit.kind == UnitKind::kRepo) scan->repos.push_back(unit.repo);
  }
  // A file that two repositories share by a hard link takes its room once.
  const auto identity = [](const auto& one) { return std::pair(one.first.device, one.first.inode); };
  std::ranges::sort(
      all, [&](const auto& a, const auto& b) { return std::pair(identity(a), a.second) < std::pair(identity(b), b.second); });
  const auto same = std::ranges::unique(all, {}, identity);
  all.erase(same.begin(), same.end());
  for (const auto& [taken, kind] : all) {
    scan->disk_total += taken.bytes;
    (kind == UnitKind::kRepo ? scan->disk_repos : kind == UnitKind::kLocks ? scan->disk_locks : scan->disk_other) += taken.bytes;
  }
  // The trash may lie inside .locks; then its part is told by itself.
  if (trash.parent_path().filename() == kLocks) {
    if (const auto locks = OpenBelow(root, fs::path(kLocks), Missing::kFail)) {
      scan->disk_trash = Sum(ReadTree(*locks, trash.filename().string(), [](int) {}).taken);
      scan->disk_trash = std::min(scan->disk_trash, scan->disk_locks);
      scan->disk_locks -= scan->disk_trash;
    }
  }
  if (errors.size() > kMostErrors) {
    const std::size_t more = errors.size() - kMostErrors;
    errors.resize(kMostErrors);
    errors.push_back(fmt::format("and {} more", more));
  }
  scan->error = Join(errors, "; ");
  scan->at = UnixSeconds(WallClock::now());
  return scan;
}

std::shared_ptr<const Scan> Scanner::State::Run(bool force) {
  const std::lock_guard lock(scanning);
  std::vector<std::string> errors;
  const auto root = OpenRoot(cache.root(), Missing::kFail);
  if (!root) {
    Forget();
    auto scan = std::make_shared<Scan>();
    if (root.error().code != Code::kNotFound) scan->error = root.error().message;
    scan->at = UnixSeconds(WallClock::now());
    return scan;
  }
  struct stat status{};
  ::fstat(root->fd.get(), &status);
  if (root_identity != std::pair(status.st_dev, status.st_ino)) Forget();
  const bool first = root_identity == std::pair<dev_t, ino_t>{};
  root_identity = {status.st_dev, status.st_ino};
  bool root_dirty = Drain() || first || root_unwatched;
  std::shared_ptr<const Scan> before;
  {
    const std::lock_guard inner(guard);
    for (const std::string& name : changed) Dirty(name, root_dirty);
    if (!changed.empty()) root_dirty = true;
    changed.clear();
    before = last;
  }
  if (force) {
    root_dirty = true;
    for (auto& [name, unit] : units) unit.dirty = true;
  }
  if (root_dirty) ListRoot(*root, errors);
  bool any = root_dirty || !before;
  for (auto& [name, unit] : units) {
    if (!unit.dirty && !unit.unwatched) continue;
    ReadUnit(*root, name, unit);
    any = true;
  }
  return any ? Compose(*root, errors) : before;
}

Scanner::Scanner(const Cache& cache) : state_(std::make_unique<State>(cache)) {}
Scanner::~Scanner() = default;

std::shared_ptr<const Scan> Scanner::Now(bool force) {
  auto scan = state_->Run(force);
  const std::lock_guard lock(state_->guard);
  if (!state_->last || state_->last->at <= scan->at) state_->last = scan;
  return scan;
}

std::shared_ptr<const Scan> Scanner::Last() const {
  const std::lock_guard lock(state_->guard);
  return state_->last;
}

void Scanner::Changed(const model::Repo& repo) {
  const std::lock_guard lock(state_->guard);
  state_->changed.insert(model::FolderName(repo));
}

}  // namespace hostler::store
