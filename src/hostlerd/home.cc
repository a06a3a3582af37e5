#include "hostlerd/home.h"

#include <signal.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/json.h"
#include "os/process.h"

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

}  // namespace

Result<Home> Home::Open(const std::filesystem::path& folder) {
  HOSTLER_OK(os::MakeDirectories(folder));
  std::error_code ec;
  const std::filesystem::path real = std::filesystem::canonical(folder, ec);
  if (ec)
    return Fail(Code::kUnavailable, fmt::format("cannot use the folder {}: {}", folder.string(), ec.message()),
                "Give another with --home.");
  for (const char* name : {"run", "run/engines", "crashes", "tmp"}) HOSTLER_OK(os::MakeDirectories(real / name));
  auto lock = os::LockFile::Take(real / "run" / "lock");
  if (!lock) {
    if (lock.error().code == Code::kConflict) lock.error().name = kInUse;
    return std::unexpected(std::move(lock).error());
  }
  return Home(real, std::move(*lock));
}

void Home::CleanUp(log::Log& log) const {
  for (const pid_t pid : os::FindByEnvironment(Marker())) {
    log.Warning("An engine (pid {}) was left by a hostler that was killed; it is ended", pid);
    ::kill(pid, SIGKILL);
  }
  Empty(sockets());
  Empty(temporary());
}

Result<> Home::WriteAddress(const std::string& url) const {
  return os::WriteFileAtomically(folder_ / "run" / "daemon.json", json::ToJson(Address{url, getpid()}));
}

void Home::RemoveAddress() const {
  std::error_code ignored;
  std::filesystem::remove(folder_ / "run" / "daemon.json", ignored);
}

}  // namespace hostler::hostlerd
