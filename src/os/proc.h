// /proc, read. Internal to this room.
//
// Threads: any. A process may end at any moment: every answer is optional.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hostler::os {

// The whole file, at most 8 MB of it; nullopt if it cannot be read.
[[nodiscard]] std::optional<std::string> ReadSmallFile(const std::string& path);
[[nodiscard]] std::optional<std::string> ReadProcFile(pid_t pid, std::string_view name);

void ForEachProcess(const std::function<void(pid_t)>& visit);

// Process group; nullopt if it is gone.
[[nodiscard]] std::optional<pid_t> GroupOf(pid_t pid);

}  // namespace hostler::os
