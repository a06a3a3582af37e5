// Completion scripts for bash, zsh and fish, generated from the command tree.
//
// Internal to this room. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/command_line.h"

namespace hostler::cli {

[[nodiscard]] Result<std::string> CompletionScript(const std::string& shell, const CommandInfo& root);

}  // namespace hostler::cli
