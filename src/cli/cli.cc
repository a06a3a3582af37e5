#include "cli/cli.h"

#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/surroundings.h"

namespace hostler::cli {

int RunIn(const Surroundings& surroundings, std::vector<std::string> arguments, const Serve& serve) {
  // A line that could not be parsed to its end is still asked whether its errors are wanted as JSON.
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  Parsed parsed = ParseCommandLine(std::move(arguments), serve);
  parsed.globals.json |= json && parsed.error.has_value();
  const Context context(surroundings, parsed.globals);
  if (parsed.error) {
    context.Report(*parsed.error);
    return ExitCodeOf(*parsed.error);
  }
  if (!parsed.run) {
    context.Out(parsed.help);
    return kExitOk;
  }
  const Result<int> done = parsed.run(context);
  if (done) return *done;
  context.Report(done.error());
  return ExitCodeOf(done.error());
}

int RunCli(int argc, char** argv, const Serve& serve) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) arguments.emplace_back(argv[i]);
  return RunIn(RealSurroundings(), std::move(arguments), serve);
}

}  // namespace hostler::cli
