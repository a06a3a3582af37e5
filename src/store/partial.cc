// Blob locks and blobs under way.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "store/cache.h"
#include "store/folder.h"
#include "store/hash.h"
#include "store/layout.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kLockMode = 0664;
constexpr std::uint64_t kFlushEvery = 32 << 20;

enum class Held { kByUs, kByOthers };

// Python's locks are flock's too. Where the file system has none (ENOSYS, some network mounts), nobody is kept out.
Result<Held> TryFlock(int fd, const fs::path& path) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return Held::kByOthers;
    if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK) return Held::kByUs;
    return Fail(DiskError(errno, "lock", path));
  }
  return Held::kByUs;
}

// Whether the name still means the file that was opened: it may have been removed or replaced before it was locked.
bool IsStillThere(const Folder& at, const std::string& name, int fd) {
  struct stat ours{};
  const auto there = StatBelow(at, name);
  return ::fstat(fd, &ours) == 0 && there && ours.st_nlink > 0 && ours.st_dev == there->st_dev && ours.st_ino == there->st_ino;
}

// Group-writable like Python's, whatever the umask; but the mode of a file that somebody else made is his.
Result<os::Descriptor> OpenLockFile(const Folder& at, const std::string& name) {
  constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  for (;;) {
    os::Descriptor fd(::openat(at.fd.get(), name.c_str(), O_RDWR | kFlags));
    if (!fd && errno == EACCES) fd = os::Descriptor(::openat(at.fd.get(), name.c_str(), O_RDONLY | kFlags));  // enough for flock
    if (fd) return fd;
    if (errno != ENOENT) return Fail(DiskError(errno, "open the lock", at.path / name));
    fd = os::Descriptor(::openat(at.fd.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | kFlags, kLockMode));
    if (fd) {
      (void)!::fchmod(fd.get(), kLockMode);
      return fd;
    }
    if (errno != EEXIST) return Fail(DiskError(errno, "make the lock", at.path / name));
  }
}

}  // namespace

Result<std::optional<BlobLock>> Cache::TryLock(const model::Repo& repo, std::string_view etag) const {
  HOSTLER_OK(CheckRepo(repo));
  HOSTLER_OK(CheckEtag(etag));
  HOSTLER_TRY(const Folder root, OpenRoot(root_, Missing::kMake));
  HOSTLER_TRY(const Folder at, OpenBelow(root, fs::path(kLocks) / model::FolderName(repo), Missing::kMake));
  const std::string name = fmt::format("{}.lock", etag);
  for (;;) {
    HOSTLER_TRY(os::Descriptor fd, OpenLockFile(at, name));
    HOSTLER_TRY(const Held held, TryFlock(fd.get(), at.path / name));
    if (held == Held::kByOthers) return std::optional<BlobLock>();
    if (IsStillThere(at, name, fd.get())) return std::optional(BlobLock(std::move(fd)));
  }
}

struct Partial::State {
  Folder blobs;
  std::string etag;
  std::string name;
  os::Descriptor fd;
  std::uint64_t wanted = 0;
  std::uint64_t written = 0;  // Write() alone changes these two
  std::uint64_t flushed = 0;
  std::uint64_t hashed = 0;  // Hash() alone changes these two
  Hasher hasher;

  [[nodiscard]] fs::path path() const { return blobs.path / name; }
  [[nodiscard]] std::unexpected<Error> Corrupt(std::string message) const {
    return Fail(Error{Code::kUpstream,
                      std::move(message),
                      "It is downloaded again; if it stays so, the hub or something on the way is broken.",
                      {},
                      "corrupt"});
  }
};

Partial::Partial(std::unique_ptr<State> state) : state_(std::move(state)) {}
Partial::Partial(Partial&&) noexcept = default;
Partial& Partial::operator=(Partial&&) noexcept = default;
Partial::~Partial() {
  // Nothing came: nothing to continue from.
  if (state_ && state_->fd && state_->written == 0) ::unlinkat(state_->blobs.fd.get(), state_->name.c_str(), 0);
}

std::uint64_t Partial::size() const {
  return state_->written;
}

Result<Partial> Cache::OpenPartial(const model::Repo& repo, std::string_view etag, std::uint64_t size) const {
  HOSTLER_OK(CheckEtag(etag));
  HOSTLER_TRY(const Folder folder, OpenRepo(root_, repo, Missing::kFail));
  HOSTLER_TRY(Folder blobs, OpenBelow(folder, "blobs", Missing::kMake));
  const std::string name = PartialName(etag);
  for (;;) {
    os::Descriptor fd(::openat(blobs.fd.get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
    if (!fd) return Fail(DiskError(errno, "open", blobs.path / name, size));
    HOSTLER_TRY(const Held held, TryFlock(fd.get(), blobs.path / name));
    if (held == Held::kByOthers) {
      return Fail(Error{Code::kConflict,
                        fmt::format("another program is downloading \"{}\"", (blobs.path / etag).string()),
                        "Wait until it is done.",
                        {},
                        "busy"});
    }
    if (!IsStillThere(blobs, name, fd.get())) continue;
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return Fail(Code::kConflict, fmt::format("\"{}\" is no file", (blobs.path / name).string()), "Move it away.");
    auto present = static_cast<std::uint64_t>(status.st_size);
    if (present > size) {  // no prefix of it
      if (::ftruncate(fd.get(), 0) != 0) return Fail(DiskError(errno, "empty", blobs.path / name));
      present = 0;
    }
    return Partial(std::unique_ptr<Partial::State>(new Partial::State{std::move(blobs), std::string(etag), name, std::move(fd),
                                                                      size, present, present, 0, Hasher::For(etag, size)}));
  }
}

Result<> Partial::HashPresent() {
  State& state = *state_;
  state.hasher = Hasher::For(state.etag, state.wanted);
  state.hashed = 0;
  ::posix_fadvise(state.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::string block(1 << 20, '\0');
  while (state.hashed < state.written) {
    const ssize_t got = ::pread(state.fd.get(), block.data(), block.size(), static_cast<off_t>(state.hashed));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(DiskError(errno, "read", state.path()));
    if (got == 0) return Fail(DiskError(EIO, "read", state.path()));
    Hash(std::string_view(block.data(), std::min<std::uint64_t>(static_cast<std::uint64_t>(got), state.written - state.hashed)));
  }
  return {};
}

Result<> Partial::Append(std::string_view bytes) {
  const std::uint64_t before = state_->written;
  Result<> done = Write(bytes);
  Hash(bytes.substr(0, state_->written - before));
  return done;
}

Result<> Partial::Write(std::string_view bytes) {
  State& state = *state_;
  if (bytes.size() > state.wanted - state.written)
    return state.Corrupt(fmt::format("more than the {} bytes of {} came", state.wanted, state.etag));
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(state.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(state.written));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(DiskError(errno, "write", state.path(), state.wanted - state.written));
    bytes.remove_prefix(static_cast<std::size_t>(count));
    state.written += static_cast<std::uint64_t>(count);
  }
  // The disk begins early, so that Finish() does not wait for gigabytes; nobody waits here.
  if (state.written - state.flushed >= kFlushEvery) {
    ::sync_file_range(state.fd.get(), static_cast<off_t>(state.flushed), static_cast<off_t>(state.written - state.flushed),
                      SYNC_FILE_RANGE_WRITE);
    state.flushed = state.written;
  }
  return {};
}

void Partial::Hash(std::string_view bytes) {
  state_->hasher.Update(bytes);
  state_->hashed += bytes.size();
}

Result<> Partial::Restart() {
  State& state = *state_;
  if (::ftruncate(state.fd.get(), 0) != 0) return Fail(DiskError(errno, "empty", state.path()));
  state.written = state.flushed = state.hashed = 0;
  state.hasher = Hasher::For(state.etag, state.wanted);
  return {};
}

Result<> Partial::Finish() {
  State& state = *state_;
  if (state.written < state.wanted) {
    return Fail(Error{Code::kUpstream,
                      fmt::format("{} of {} bytes of {} came", state.written, state.wanted, state.etag),
                      "Go on from there.",
                      {},
                      "network"});
  }
  if (state.hashed != state.written)
    return Fail(Code::kInternal, fmt::format("{} of {} bytes were hashed", state.hashed, state.written), "Report this.");
  const std::string hash = state.hasher.Finish();
  if (hash != state.etag) {
    ::unlinkat(state.blobs.fd.get(), state.name.c_str(), 0);
    return state.Corrupt(fmt::format("the content of {} has the hash {}", state.etag, hash));
  }
  if (::fdatasync(state.fd.get()) != 0) return Fail(DiskError(errno, "flush", state.path()));
  if (::renameat(state.blobs.fd.get(), state.name.c_str(), state.blobs.fd.get(), state.etag.c_str()) != 0)
    return Fail(DiskError(errno, "rename", state.path()));
  ::fsync(state.blobs.fd.get());  // file systems that cannot do this lose nothing but the last moment
  return {};
}

}  // namespace hostler::store
