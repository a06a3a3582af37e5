#include "os/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

#include "base/text.h"
#include "os/system_error.h"

namespace hostler::os {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> PathError(std::string_view what, const fs::path& path, int error) {
  return Fail(SystemError(error, fmt::format("cannot {} \"{}\"", what, path.string())));
}

bool HoldsNul(const fs::path& path) {
  return path.native().contains('\0');
}

// 0 or errno.
int WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// Writes, sets the mode (the umask does not count) and flushes. 0 or errno.
int WriteNew(const fs::path& path, std::string_view content, unsigned mode) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0700));
  if (!file) return errno;
  if (const int error = WriteAll(file.get(), content)) return error;
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) return errno;
  return ::close(file.Release()) == 0 ? 0 : errno;
}

// The rename itself is only safe once the folder is on the disk. File systems that cannot do this say EINVAL.
int FlushFolder(const fs::path& folder) {
  const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle) return errno;
  return ::fsync(handle.get()) == 0 || errno == EINVAL ? 0 : errno;
}

fs::path FolderOf(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

Result<std::string> ReadFile(const fs::path& path, std::uint64_t limit) {
  if (HoldsNul(path)) return Fail(Code::kInvalid, "a path holds a NUL byte", "Remove the NUL byte.");
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return PathError("open", path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return PathError("read", path, errno);
  if (S_ISDIR(status.st_mode)) return PathError("read", path, EISDIR);
  const auto too_large = [&] {
    return Fail(Code::kTooLarge, fmt::format("\"{}\" is larger than {}", path.string(), HumanBytes(static_cast<double>(limit))),
                "Use a smaller file.");
  };
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > limit) return too_large();

  std::string content;
  content.reserve(static_cast<std::size_t>(status.st_size));
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return PathError("read", path, errno);
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > limit) return too_large();
    content.append(block.data(), static_cast<std::size_t>(got));
  }
}

Result<> WriteFileAtomically(const fs::path& path, std::string_view content, unsigned mode) {
  if (HoldsNul(path) || path.filename().empty())
    return Fail(Code::kInvalid, fmt::format("\"{}\" is no file name", path.string()), "Name a file.");
  const fs::path folder = FolderOf(path);
  const fs::path beside = folder / fmt::format(".{}.tmp", RandomHex(16));  // short: the name itself may be 255 long
  int error = WriteNew(beside, content, mode);
  if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(beside.c_str());
    return PathError("write", path, error);
  }
  if (const int flush = FlushFolder(folder)) return PathError("flush the folder of", path, flush);
  return {};
}

Result<> MakeDirectories(const fs::path& path, unsigned mode) {
  if (path.empty() || HoldsNul(path))
    return Fail(Code::kInvalid, fmt::format("\"{}\" is no folder name", path.string()), "Name a folder.");
  fs::path partial;
  for (const fs::path& part : path) {
    partial /= part;
    if (::mkdir(partial.c_str(), mode) == 0) continue;
    const int error = errno;
    std::error_code ignored;
    if (fs::is_directory(partial, ignored))
      continue;  // whatever mkdir said: EEXIST, or EROFS and EACCES on a parent that is there
    return PathError("make the folder", partial, error);
  }
  return {};
}

Result<LockFile> LockFile::Take(const fs::path& path) {
  if (HoldsNul(path)) return Fail(Code::kInvalid, "a path holds a NUL byte", "Remove the NUL byte.");
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));  // it is written to
  if (!file) return PathError("open the lock", path, errno);
  int locked = 0;
  do locked = ::flock(file.get(), LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EINTR);
  if (locked != 0 && errno == EWOULDBLOCK) {
    std::array<char, 32> text{};
    const ssize_t got = ::pread(file.get(), text.data(), text.size() - 1, 0);
    long pid = 0;
    if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
    const std::string folder = FolderOf(path).string();
    return Fail(Code::kConflict,
                pid > 0 ? fmt::format("another hostler (pid {}) uses this folder: {}", pid, folder)
                        : fmt::format("another hostler uses this folder: {}", folder),
                "Use that one, stop it, or choose another data folder.");
  }
  if (locked != 0) return PathError("lock", path, errno);
  // A full disk must not keep us from running: the number is only for the other's message.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file.get(), 0) == 0) (void)!::pwrite(file.get(), pid.data(), pid.size(), 0);
  return LockFile(std::move(file));
}

bool LockFile::IsAt(const fs::path& path) const {
  struct stat ours{};
  struct stat there{};
  return ::fstat(fd_.get(), &ours) == 0 && ::lstat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

fs::path ProgramFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

// --- Confine

namespace {

bool LiesIn(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

bool LiesInOne(const fs::path& path, const std::vector<fs::path>& roots) {
  return std::ranges::any_of(roots, [&](const fs::path& root) {
    std::error_code error;
    const fs::path resolved = fs::canonical(root, error);
    return !error && LiesIn(path, resolved);
  });
}

}  // namespace

Result<fs::path> Confine(const fs::path& path, const std::vector<fs::path>& roots) {
  if (path.empty() || HoldsNul(path)) return Fail(Code::kInvalid, "a path is empty or holds a NUL byte", "Name a file.");
  std::error_code error;
  const fs::path resolved = fs::canonical(path, error);
  if (!error && LiesInOne(resolved, roots)) return resolved;
  // Outside, "forbidden" is the answer whether the file is there or not: existence is nobody's business.
  std::error_code weak_error;
  const fs::path weak = fs::weakly_canonical(path, weak_error);
  const bool missing = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (missing && !weak_error && LiesInOne(weak, roots)) {
    return Fail(Code::kNotFound, fmt::format("\"{}\" is not there", path.string()),
                "Check the path; files may have been moved or deleted.");
  }
  std::vector<std::string> allowed;
  for (const fs::path& root : roots) allowed.push_back(root.string());
  return Fail(Code::kForbidden, fmt::format("\"{}\" lies outside the folders that may be used", path.string()),
              allowed.empty() ? "No folder may be used here." : fmt::format("Use a file below {}.", Join(allowed, " or ")));
}

// --- Unix sockets

namespace {

std::optional<sockaddr_un> UnixAddress(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Removes what a killed listener left; a live listener or another kind of file stays.
Result<> ClearStale(const fs::path& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return PathError("listen on", path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Fail(Code::kConflict, fmt::format("\"{}\" is there and is no socket", path.string()),
                "Move that file away or choose another path.");
  }
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int connected = probe ? ::connect(probe.get(), Generic(address), sizeof address) : -1;
  if (probe && (connected == 0 || errno == EAGAIN || errno == EINPROGRESS)) {
    return Fail(Code::kConflict, fmt::format("another program listens on \"{}\"", path.string()),
                "Stop it or choose another path.");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return PathError("remove the stale socket", path, errno);
  return {};
}

}  // namespace

std::string ShortPath(int directory_fd, std::string_view name) {
  return fmt::format("/proc/self/fd/{}/{}", directory_fd, name);
}

Result<Descriptor> ListenUnix(const fs::path& path) {
  constexpr int kBacklog = 512;
  if (HoldsNul(path) || path.filename().empty())
    return Fail(Code::kInvalid, fmt::format("\"{}\" is no socket path", path.string()), "Name a file.");
  Descriptor folder;
  auto address = UnixAddress(path.native());
  if (!address) {
    folder = Descriptor(::open(FolderOf(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return PathError("open the folder of", path, errno);
    address = UnixAddress(ShortPath(folder.get(), path.filename().native()));
  }
  if (!address) return PathError("listen on", path, ENAMETOOLONG);
  HOSTLER_OK(ClearStale(path, *address));

  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return PathError("make a socket for", path, errno);
  // The socket's own mode is what bind() gives the file: there is no moment in which others may connect.
  if (::fchmod(listener.get(), 0600) != 0) return PathError("protect", path, errno);
  if (::bind(listener.get(), Generic(*address), sizeof *address) != 0) return PathError("listen on", path, errno);
  if (::chmod(address->sun_path, 0600) != 0 || ::listen(listener.get(), kBacklog) != 0)
    return PathError("listen on", path, errno);
  return listener;
}

}  // namespace hostler::os
