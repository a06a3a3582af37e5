// The command line: `hostler COMMAND …`. Everything but `serve` talks to a server over its public HTTP API.
//
// Owner: main. Threads: call it once, from the main thread; it blocks until the command is done. Ctrl-C ends a command
// cleanly: connections are closed, helpers are stopped, and the exit code is 130. Exit codes: exit_code.h and docs/cli.md.
#pragma once

#include <filesystem>
#include <functional>

#include "config/config.h"

namespace hostler::cli {

// What `hostler serve` was asked for. The command line does not know the daemon; main hands over a function that does.
struct ServeRequest {
  std::filesystem::path config_file;  // --config; empty: the usual places
  config::Flags flags;                // as config::Load takes them, "home" included
};
using Serve = std::function<int(const ServeRequest&)>;

[[nodiscard]] int RunCli(int argc, char** argv, const Serve& serve);

}  // namespace hostler::cli
