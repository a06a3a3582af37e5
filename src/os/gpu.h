// GPU memory of a process, where NVIDIA's management library is present. hostler does not link it: it is opened with the
// first question, and only on a machine that has such a device.
//
// Threads: any; the first call opens the library, which takes tens of milliseconds: use a pool. MB = 2^20 bytes.
#pragma once

#include <sys/types.h>

#include <optional>

namespace hostler::os {

// Of every process in the group, over all devices; nullopt if there is no such device or library, or it does not tell.
[[nodiscard]] std::optional<double> ReadGroupGpuMb(pid_t group);

}  // namespace hostler::os
