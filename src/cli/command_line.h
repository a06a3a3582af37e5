// Which command was asked for, and the shape of the whole command line, for help and for the shells.
//
// Internal to this room. The only header of command_line.cc, the one file that includes CLI11. Main thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/cli.h"
#include "cli/context.h"

namespace hostler::cli {

// The tree as shells need it.
struct FlagInfo {
  std::vector<std::string> names;  // "-o", "--output"
  std::string help;
  bool takes_value = false;
  std::vector<std::string> values;  // what may follow; or one of "@models", "@voices", "@files", "@folders"
};
struct CommandInfo {
  std::string name;
  std::string help;
  std::vector<FlagInfo> flags;
  std::string positional;  // "@models", "@files", or empty
  std::vector<CommandInfo> commands;
};

struct Parsed {
  Globals globals;
  // Exactly one of them: what to run, what to print on standard output, or what is wrong.
  std::function<Result<int>(const Context&)> run;
  std::string help;
  std::optional<Error> error;
};

[[nodiscard]] Parsed ParseCommandLine(std::vector<std::string> arguments, const Serve& serve);
[[nodiscard]] CommandInfo DescribeCommandLine();

}  // namespace hostler::cli
