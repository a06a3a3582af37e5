#include "hostlerd/home.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "base/json.h"
#include "os/process.h"
#include "os/system_error.h"

namespace hostler::hostlerd {
namespace {

struct Address {
  std::string url;
  std::int64_t pid = 0;
};
BOOST_DESCRIBE_STRUCT(Address, (), (url, pid))

void Empty(const std::filesystem::path& folder) {
  std::error_code ec;
  for (const auto& item : std::filesystem::directory_iterator(folder, ec)) {
    std::error_code ignored;
    std::filesystem::remove_all(item.path(), ignored);
  }
}

// Folders that hostler fills and empties. A link in their place would make it do so somewhere else.
Result<> MakeFolders(const std::filesystem::path& home) {
  for (const char* name : {"run", "run/engines", "crashes", "tmp"}) {
    std::error_code ec;
    if (std::filesystem::is_symlink(home / name, ec)) {
      return Fail(Code::kForbidden, fmt::format("{} is a link, and hostler removes what lies in there", (home / name).string()),
                  "Remove the link. To keep hostler's files elsewhere, give another folder with --home.");
    }
    HOSTLER_OK(os::MakeDirectories(home / name));
    if (::access((home / name).c_str(), R_OK | W_OK | X_OK) != 0)  // better now than with the first upload or the first crash
      return Fail(os::SystemError(errno, fmt::format("cannot write to the folder {}", (home / name).string())));
  }
  return {};
}

Result<os::LockFile> TakeLock(const std::filesystem::path& home) {
  auto lock = os::LockFile::Take(home / "run" / "lock");
  if (lock || lock.error().code != Code::kConflict) return lock;
  Error error = std::move(lock).error();
  error.name = Home::kInUse;
  const auto text = os::ReadFile(home / "run" / "daemon.json", 4096);
  const auto address = text ? json::Parse<Address>(*text, json::Unknown::kIgnore) : std::unexpected(Error{});
  if (address) error.message += fmt::format("; it listens on {}", address->url);
  return Fail(std::move(error));
}

}  // namespace

Result<Home> Home::Open(const std::filesystem::path& folder) {
  HOSTLER_OK(os::MakeDirectories(folder));
  std::error_code ec;
  const std::filesystem::path real = std::filesystem::canonical(folder, ec);
  if (ec)
    return Fail(Code::kUnavailable, fmt::format("cannot use the folder {}: {}", folder.string(), ec.message()),
                "Give another with --home.");
  HOSTLER_OK(MakeFolders(real));
  HOSTLER_TRY(os::LockFile lock, TakeLock(real));
  return Home(real, std::move(lock));
}

Result<os::Descriptor> Home::Reopen() {
  HOSTLER_OK(os::MakeDirectories(folder_));
  HOSTLER_OK(MakeFolders(folder_));
  if (!lock_.IsAt(folder_ / "run" / "lock")) {
    HOSTLER_TRY(lock_, TakeLock(folder_));
  }
  if (!url_.empty()) HOSTLER_OK(WriteAddress(url_));
  os::Descriptor folder(::open(sockets().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return Fail(os::SystemError(errno, fmt::format("cannot open {}", sockets().string())));
  return folder;
}

void Home::CleanUp(log::Log& log) const {
  for (const pid_t pid : os::FindByEnvironment(Marker())) {
    log.Warning("An engine (pid {}) was left by a hostler that was killed; it is ended", pid);
    ::kill(pid, SIGKILL);
  }
  Empty(sockets());
  Empty(temporary());
}

Result<> Home::WriteAddress(const std::string& url) {
  url_ = url;
  return os::WriteFileAtomically(folder_ / "run" / "daemon.json", json::ToJson(Address{url, getpid()}));
}

void Home::RemoveAddress() const {
  std::error_code ignored;
  std::filesystem::remove(folder_ / "run" / "daemon.json", ignored);
}

}  // namespace hostler::hostlerd
