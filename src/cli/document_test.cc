// docs/cli.md tells every command and every flag; this keeps it true.

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/command_line.h"

namespace hostler::cli {
namespace {

// The part of the page from this heading to the next.
std::string Section(const std::string& page, const std::string& heading) {
  const auto start = page.find("\n" + heading);
  if (start == std::string::npos) return "";
  return page.substr(start, page.find("\n#", start + 2) - start);
}

void Check(const std::string& page, const CommandInfo& command, const std::string& path,
           const std::vector<FlagInfo>& everywhere) {
  const std::string section = Section(page, "### `" + path);
  EXPECT_FALSE(section.empty()) << "docs/cli.md has no section for `" << path << "`";
  for (const FlagInfo& flag : command.flags) {
    const bool global =
        std::any_of(everywhere.begin(), everywhere.end(), [&](const FlagInfo& other) { return other.names == flag.names; });
    const bool key = path == "hostler serve" && flag.names[0] != "--config";  // docs/configuration.md has those
    for (const std::string& name : flag.names)
      EXPECT_TRUE(global || key || section.find("`" + name) != std::string::npos) << path << " " << name;
  }
}

TEST(CliPage, HasEveryCommandAndFlag) {
  std::ifstream in(HOSTLER_CLI_PAGE, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  const std::string page = text.str();
  const CommandInfo root = DescribeCommandLine();
  for (const FlagInfo& flag : root.flags)
    EXPECT_NE(Section(page, "## Everywhere").find("`" + flag.names.back()), std::string::npos) << flag.names.back();
  for (const CommandInfo& command : root.commands) {
    if (command.commands.empty()) Check(page, command, "hostler " + command.name, root.flags);
    for (const CommandInfo& inner : command.commands)
      Check(page, inner, "hostler " + command.name + " " + inner.name, root.flags);
  }
}

}  // namespace
}  // namespace hostler::cli
