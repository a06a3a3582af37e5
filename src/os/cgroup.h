// The limits that this process's control groups set, in the v1 and the v2 layout. Internal to this room.
//
// Threads: any.
#pragma once

#include <filesystem>
#include <optional>

namespace hostler::os {

struct CgroupLimits {
  std::optional<double> cpus;            // quota / period, the tightest one
  std::optional<double> memory_mb;       // the tightest limit
  std::optional<double> memory_free_mb;  // least left under any limit; page cache that can go counts as free
};

// The paths are /proc/self/cgroup and /sys/fs/cgroup but in tests.
[[nodiscard]] CgroupLimits ReadCgroupLimits(const std::filesystem::path& membership = "/proc/self/cgroup",
                                            const std::filesystem::path& mount = "/sys/fs/cgroup");

}  // namespace hostler::os
