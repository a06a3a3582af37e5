// What a command sees of the world: streams, environment, terminal. The real one in the program, a made-up one in tests.
//
// Internal to this room. Used by the main thread only.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/cli.h"
#include "config/config.h"

namespace hostler::cli {

struct Surroundings {
  config::Environment environment;
  std::function<void(std::string_view)> out;        // standard output, at once
  std::function<void(std::string_view)> err;        // standard error
  std::function<Result<std::string>()> read_input;  // all of standard input
  std::function<Result<std::string>()> read_line;   // one line of it, without its end
  // A line of any length; nullopt: there are no more.
  std::function<Result<std::optional<std::string>>()> read_message;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  int width = 80;                 // columns of the terminal
  std::filesystem::path program;  // our own executable, for a server of the occasion
};

[[nodiscard]] Surroundings RealSurroundings();

// RunCli without the process around it. `arguments` without argv[0].
[[nodiscard]] int RunIn(const Surroundings& surroundings, std::vector<std::string> arguments, const Serve& serve);

}  // namespace hostler::cli
