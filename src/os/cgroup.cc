#include "os/cgroup.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "base/text.h"
#include "os/proc.h"

namespace hostler::os {
namespace {

namespace fs = std::filesystem;
constexpr double kMb = 1 << 20;

// "max" and "-1" (no limit) are nullopt.
std::optional<double> Number(std::string_view text) {
  text = Trim(text);
  double value = 0;
  const auto [rest, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || rest != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<double> NumberIn(const fs::path& file) {
  const auto text = ReadSmallFile(file);
  return text ? Number(*text) : std::nullopt;
}

std::optional<double> StatIn(const fs::path& file, std::string_view key) {
  const auto text = ReadSmallFile(file);
  if (!text) return std::nullopt;
  for (const std::string_view line : Split(*text, '\n')) {
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' ')) return Number(line.substr(key.size()));
  }
  return std::nullopt;
}

void Tighten(std::optional<double>& limit, std::optional<double> other) {
  if (other) limit = limit ? std::min(*limit, *other) : *other;
}

void AddMemory(CgroupLimits& limits, std::optional<double> limit, std::optional<double> used, std::optional<double> cache) {
  if (!limit || *limit > 1e15) return;  // v1 says 2^63 for "none"
  Tighten(limits.memory_mb, *limit / kMb);
  if (used) Tighten(limits.memory_free_mb, std::max(0.0, *limit - *used + cache.value_or(0)) / kMb);
}

void ReadV2(CgroupLimits& limits, const fs::path& group) {
  if (const auto text = ReadSmallFile(group / "cpu.max")) {
    const auto parts = Split(Trim(*text), ' ');
    const auto quota = Number(parts[0]);
    const auto period = parts.size() > 1 ? Number(parts[1]) : std::nullopt;
    if (quota && period && *period > 0) Tighten(limits.cpus, *quota / *period);
  }
  AddMemory(limits, NumberIn(group / "memory.max"), NumberIn(group / "memory.current"),
            StatIn(group / "memory.stat", "inactive_file"));
}

void ReadV1Cpu(CgroupLimits& limits, const fs::path& group) {
  const auto quota = NumberIn(group / "cpu.cfs_quota_us");
  const auto period = NumberIn(group / "cpu.cfs_period_us");
  if (quota && period && *period > 0) Tighten(limits.cpus, *quota / *period);
}

void ReadV1Memory(CgroupLimits& limits, const fs::path& group) {
  AddMemory(limits, NumberIn(group / "memory.limit_in_bytes"), NumberIn(group / "memory.usage_in_bytes"),
            StatIn(group / "memory.stat", "total_inactive_file"));
}

// From the group up to the mount: a parent's limit binds too. Inside a container the group's own path is often not
// visible, and the mount itself is the container's group.
template <class Read>
void Climb(CgroupLimits& limits, const fs::path& mount, std::string_view group, Read read) {
  fs::path path = fs::path(group).relative_path().lexically_normal();
  while (!path.empty() && path != "." && !path.native().starts_with("..")) {
    read(limits, mount / path);
    path = path.parent_path();
  }
  read(limits, mount);
}

}  // namespace

CgroupLimits ReadCgroupLimits(const fs::path& membership, const fs::path& mount) {
  CgroupLimits limits;
  const std::string text = ReadSmallFile(membership).value_or("");
  for (const std::string_view line : Split(text, '\n')) {  // "4:cpu,cpuacct:/group", v2: "0::/group"
    const auto parts = Split(line, ':');
    if (parts.size() < 3) continue;
    const std::string_view group = line.substr(parts[0].size() + parts[1].size() + 2);
    const auto controllers = Split(parts[1], ',');
    if (parts[0] == "0" && parts[1].empty()) Climb(limits, mount, group, ReadV2);
    if (std::ranges::find(controllers, "cpu") != controllers.end()) {
      for (const char* folder : {"cpu", "cpu,cpuacct"}) Climb(limits, mount / folder, group, ReadV1Cpu);
    }
    if (std::ranges::find(controllers, "memory") != controllers.end()) Climb(limits, mount / "memory", group, ReadV1Memory);
  }
  return limits;
}

}  // namespace hostler::os
