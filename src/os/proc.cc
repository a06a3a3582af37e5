#include "os/proc.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "os/descriptor.h"

namespace hostler::os {

std::optional<std::string> ReadSmallFile(const std::string& path) {
  constexpr std::size_t kLimit = 8 << 20;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 16384> block;
  while (text.size() < kLimit) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::string> ReadProcFile(pid_t pid, std::string_view name) {
  return ReadSmallFile(fmt::format("/proc/{}/{}", pid, name));
}

void ForEachProcess(const std::function<void(pid_t)>& visit) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && rest == name.data() + name.size() && pid > 0) visit(pid);
  }
}

std::optional<pid_t> GroupOf(pid_t pid) {
  const pid_t group = ::getpgid(pid);
  if (group < 0) return std::nullopt;
  return group;
}

}  // namespace hostler::os
