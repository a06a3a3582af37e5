// The command line of an engine (engine.h lists it). Hand-written: an engine must start in milliseconds.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/log.h"

namespace hostler::engine_sdk {

struct Options {
  std::optional<int> listen_fd;
  std::string socket;
  std::string host = "127.0.0.1";
  std::uint16_t port = 8766;
  std::optional<std::filesystem::path> base;
  log::Level log_level = log::Level::kInfo;
  int threads = 0;  // 0: physical cores
  bool help = false;
  bool version = false;

  // A child of the daemon gets its paths with the load request and leaves the folders alone.
  [[nodiscard]] bool is_child() const { return listen_fd.has_value() && !base.has_value(); }
};

// `environment_port`, `environment_level`: PORT and LOG_LEVEL, null if they are not set. Flags win.
[[nodiscard]] Result<Options> ParseOptions(const std::vector<std::string>& arguments, const char* environment_port,
                                           const char* environment_level);

[[nodiscard]] std::string Usage(std::string_view program);

}  // namespace hostler::engine_sdk
