#include "tasks/owner.h"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "os/files.h"

namespace hostler::tasks {
namespace {

std::string Host() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) name[0] = 0;
  std::string host = name.data();
  std::erase(host, '/');
  const std::string boot = os::ReadFile("/proc/sys/kernel/random/boot_id", 100).value_or("");
  std::error_code ignored;
  std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();  // pid:[4026531836]
  std::erase_if(space, [](char c) { return c < '0' || c > '9'; });
  return fmt::format("{}:{}:{}", host, boot.substr(0, 8), space);
}

// What /proc says of a process: alive or a zombie, and the ticks from boot to its start; nullopt if it cannot be read, which need
// not mean that it is gone (hidepid). The name, field 2, may hold anything, ")" too.
struct Stat {
  bool dead = false;
  std::string start;
};
std::optional<Stat> StatOf(pid_t pid) {
  const auto stat = os::ReadFile(fmt::format("/proc/{}/stat", pid), 1 << 16);
  if (!stat) return std::nullopt;
  const std::size_t behind = stat->rfind(')');
  if (behind == std::string::npos) return std::nullopt;
  const std::vector<std::string_view> fields = Split(Trim(std::string_view(*stat).substr(behind + 1)), ' ');
  if (fields.size() < 20) return std::nullopt;
  return Stat{fields[0] == "Z" || fields[0] == "X", std::string(fields[19])};
}

}  // namespace

std::string NewOwner() {
  const pid_t pid = ::getpid();
  return fmt::format("{}/{}/{}/{}", Host(), pid, StatOf(pid).value_or(Stat{false, "0"}).start, RandomHex(8));
}

bool IsDead(const std::string& owner) {
  const std::vector<std::string_view> parts = Split(owner, '/');
  if (parts.size() < 3 || parts[0] != Host()) return false;
  pid_t pid = 0;
  const char* const end = parts[1].data() + parts[1].size();
  const auto [stop, failed] = std::from_chars(parts[1].data(), end, pid);
  if (failed != std::errc() || stop != end || pid <= 0) return false;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
  const auto stat = StatOf(pid);
  return stat && (stat->dead || (parts[2] != "0" && stat->start != parts[2]));
}

}  // namespace hostler::tasks
