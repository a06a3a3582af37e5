#include "store/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/text.h"
#include "os/system_error.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr std::string_view kScratchPrefix = ".hostler-";
constexpr std::string_view kScratchSuffix = ".tmp";

std::string UserName() {
  std::array<char, 4096> memory;
  passwd entry{};
  passwd* found = nullptr;
  const uid_t user = ::geteuid();
  if (::getpwuid_r(user, &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr) return found->pw_name;
  return fmt::format("{}", user);
}

Error FullError(int error, std::string_view tried, const fs::path& path, std::uint64_t needed) {
  struct statvfs status{};
  fs::path there = path;
  while (::statvfs(there.c_str(), &status) != 0 && there.has_relative_path()) there = there.parent_path();
  const double free = static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize);
  const std::string need = needed > 0 ? fmt::format(", {} more needed", HumanBytes(static_cast<double>(needed))) : "";
  return Error{
      Code::kUnavailable,
      fmt::format("cannot {} \"{}\": {} ({} free{})", tried, path.string(), os::ErrnoText(error), HumanBytes(free), need),
      error == EDQUOT ? fmt::format("The quota of user {} is used up; free some space or have it raised.", UserName())
                      : fmt::format("Free some space on the file system that holds \"{}\".", there.string()),
      {},
      "disk_full"};
}

// O_NOFOLLOW on a link says ELOOP, with O_DIRECTORY ENOTDIR.
bool IsLink(const Folder& at, const char* name) {
  struct stat status{};
  return ::fstatat(at.fd.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

Result<Folder> Step(const Folder& at, const std::string& name, Missing missing) {
  const fs::path path = at.path / name;
  for (bool made = false;; made = true) {
    os::Descriptor fd(::openat(at.fd.get(), name.c_str(), kFolderFlags | O_NOFOLLOW));
    if (fd) return Folder{std::move(fd), path};
    const int error = errno;
    if ((error == ENOTDIR || error == ELOOP) && IsLink(at, name.c_str())) {
      return Fail(Error{Code::kForbidden,
                        fmt::format("\"{}\" is a link; nothing is written or deleted through it", path.string()),
                        "Put a folder in its place, or use the cache that it leads to as HF_HUB_CACHE.",
                        {},
                        "permission"});
    }
    if (error != ENOENT || missing == Missing::kFail || made) return Fail(DiskError(error, "open the folder", path));
    if (::mkdirat(at.fd.get(), name.c_str(), 0777) != 0 && errno != EEXIST)
      return Fail(DiskError(errno, "make the folder", path));
  }
}

Result<> WriteAll(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail(DiskError(errno, "write", path, content.size()));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Error DiskError(int error, std::string_view tried, const fs::path& path, std::uint64_t needed) {
  if (error == ENOSPC || error == EDQUOT) return FullError(error, tried, path, needed);
  Error out = os::SystemError(error, fmt::format("cannot {} \"{}\"", tried, path.string()));
  if (error != EACCES && error != EPERM && error != EROFS) return out;
  out.name = "permission";
  out.message += fmt::format(" (user {}, folder \"{}\")", UserName(), path.parent_path().string());
  if (error != EROFS)
    out.remedy = fmt::format("Give user {} the right to write in \"{}\".", UserName(), path.parent_path().string());
  return out;
}

Result<Folder> OpenRoot(const fs::path& root, Missing missing) {
  if (root.empty() || root.native().contains('\0'))
    return Fail(Code::kInvalid, "the cache has no folder", "Set HF_HUB_CACHE to the folder for models.");
  if (missing == Missing::kMake) {
    fs::path partial;
    for (const fs::path& part : root) {
      partial /= part;
      if (::mkdir(partial.c_str(), 0777) == 0) continue;
      const int why = errno;
      struct stat status{};  // whatever mkdir says of a folder that is there
      if (::stat(partial.c_str(), &status) != 0) return Fail(DiskError(why, "make the folder", partial));
    }
  }
  os::Descriptor fd(::open(root.c_str(), kFolderFlags));
  if (!fd) return Fail(DiskError(errno, "open the folder", root));
  return Folder{std::move(fd), root};
}

Result<Folder> OpenBelow(const Folder& at, const fs::path& relative, Missing missing) {
  Folder folder{os::Descriptor(::fcntl(at.fd.get(), F_DUPFD_CLOEXEC, 0)), at.path};
  if (!folder.fd) return Fail(DiskError(errno, "open the folder", at.path));
  for (const fs::path& part : relative) {
    if (part.empty() || part == "." || part == ".." || part.is_absolute())
      return Fail(Code::kInvalid, fmt::format("\"{}\" is no path in the cache", relative.string()), "Use a plain relative path.");
    HOSTLER_TRY(folder, Step(folder, part.string(), missing));
  }
  return folder;
}

std::optional<std::string> ReadBelow(const Folder& at, const std::string& name, std::uint64_t limit) {
  // Not blocking: somebody may have put a pipe there.
  const os::Descriptor fd(::openat(at.fd.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (static_cast<std::uint64_t>(status.st_size) > limit) return std::nullopt;
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t got = 0;
  while (got < content.size()) {
    const ssize_t count = ::pread(fd.get(), content.data() + got, content.size() - got, static_cast<off_t>(got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  content.resize(got);
  return content;
}

Result<> WriteBelow(const Folder& at, const std::string& name, std::string_view content, const Folder& scratch) {
  const std::string temporary = ScratchName();
  os::Descriptor fd(::openat(scratch.fd.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return Fail(DiskError(errno, "write", at.path / name, content.size()));
  Result<> done = WriteAll(fd.get(), content, at.path / name);
  if (done && ::fsync(fd.get()) != 0) done = Fail(DiskError(errno, "flush", at.path / name));
  if (done && ::renameat(scratch.fd.get(), temporary.c_str(), at.fd.get(), name.c_str()) != 0)
    done = Fail(DiskError(errno, "write", at.path / name));
  if (!done) ::unlinkat(scratch.fd.get(), temporary.c_str(), 0);
  return done;
}

std::string ScratchName() {
  return fmt::format("{}{}{}", kScratchPrefix, RandomHex(16), kScratchSuffix);
}

bool IsScratchName(std::string_view name) {
  return name.starts_with(kScratchPrefix) && name.ends_with(kScratchSuffix);
}

std::optional<struct stat> StatBelow(const Folder& at, const std::string& name, bool follow) {
  struct stat status{};
  if (::fstatat(at.fd.get(), name.c_str(), &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return status;
}

bool ForEachEntry(const Folder& at, const std::function<void(const char*, unsigned char)>& visit) {
  const int own = ::openat(at.fd.get(), ".", kFolderFlags);
  DIR* stream = own >= 0 ? ::fdopendir(own) : nullptr;
  if (stream == nullptr) {
    if (own >= 0) ::close(own);
    return false;
  }
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(entry->d_name, entry->d_type);
    errno = 0;
  }
  const bool whole = errno == 0;
  ::closedir(stream);
  return whole;
}

}  // namespace hostler::store
