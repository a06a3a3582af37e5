#include "os/memory.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "os/cgroup.h"
#include "os/proc.h"

namespace hostler::os {
namespace {

// The number behind `key` in "Key:   123 kB" lines, in MB.
std::optional<double> KilobytesIn(std::string_view text, std::string_view key) {
  for (const std::string_view line : Split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    const std::string_view rest = Trim(line.substr(key.size()));
    double kilobytes = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), kilobytes).ec == std::errc()) return kilobytes / 1024;
  }
  return std::nullopt;
}

std::optional<int> IntegerIn(const std::string& path) {
  const auto text = ReadSmallFile(path);
  int value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

// CPUs that the scheduler may give us.
std::vector<int> AllowedCpus() {
  for (int size = 1024; size <= 1 << 20; size *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(size), [](cpu_set_t* memory) { CPU_FREE(memory); });
    if (set == nullptr) break;
    if (::sched_getaffinity(0, CPU_ALLOC_SIZE(size), set.get()) != 0) continue;  // the kernel knows more CPUs than fit
    std::vector<int> cpus;
    for (int cpu = 0; cpu < size; ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), CPU_ALLOC_SIZE(size), set.get())) cpus.push_back(cpu);
    }
    return cpus;
  }
  std::vector<int> cpus(static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))));
  for (std::size_t i = 0; i < cpus.size(); ++i) cpus[i] = static_cast<int>(i);
  return cpus;
}

}  // namespace

std::optional<double> ReadPssMb(pid_t pid) {
  if (const auto text = ReadProcFile(pid, "smaps_rollup")) {
    if (const auto pss = KilobytesIn(*text, "Pss:")) return pss;
  }
  return ReadResidentMb(pid);  // kernels without smaps_rollup, and processes of other users
}

std::optional<double> ReadGroupPssMb(pid_t group) {
  std::optional<double> sum;
  ForEachProcess([&](pid_t pid) {
    if (GroupOf(pid) != group) return;
    if (const auto pss = ReadPssMb(pid)) sum = sum.value_or(0) + *pss;
  });
  return sum;
}

std::optional<double> ReadResidentMb(pid_t pid) {
  const auto text = ReadProcFile(pid, "statm");
  if (!text) return std::nullopt;
  const auto parts = Split(Trim(*text), ' ');
  if (parts.size() < 2 || parts[0] == "0") return std::nullopt;  // no memory at all: dead, and waiting to be reaped
  double pages = 0;
  if (std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), pages).ec != std::errc()) return std::nullopt;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

SystemMemory ReadSystemMemory() {
  const std::string text = ReadSmallFile("/proc/meminfo").value_or("");
  SystemMemory memory{.total_mb = KilobytesIn(text, "MemTotal:").value_or(0),
                      .available_mb = KilobytesIn(text, "MemAvailable:").value_or(0)};
  const CgroupLimits limits = ReadCgroupLimits();
  if (limits.memory_mb) memory.total_mb = std::min(memory.total_mb, *limits.memory_mb);
  if (limits.memory_free_mb) memory.available_mb = std::min(memory.available_mb, *limits.memory_free_mb);
  return memory;
}

int PhysicalCores() {
  std::set<std::pair<int, int>> cores;  // {package, core}
  int unknown = 0;                      // CPUs whose place the kernel does not tell
  for (const int cpu : AllowedCpus()) {
    const std::string topology = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
    const auto package = IntegerIn(topology + "physical_package_id");
    const auto core = IntegerIn(topology + "core_id");
    if (package && core) {
      cores.emplace(*package, *core);
    } else {
      ++unknown;
    }
  }
  int count = static_cast<int>(cores.size()) + unknown;
  if (const auto cpus = ReadCgroupLimits().cpus) count = std::min(count, static_cast<int>(std::ceil(*cpus)));
  return std::max(1, count);
}

}  // namespace hostler::os
