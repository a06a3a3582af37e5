// docs/configuration.md tells every key; this keeps it true.

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/config.h"

namespace hostler::config {
namespace {

TEST(ConfigurationPage, HasEveryKeyAsItIs) {
  std::string table = "| key | flag | variable | default | meaning |\n|---|---|---|---|---|\n";
  for (const KeyInfo& key : Keys()) {
    table += fmt::format("| `{}` | `{}` | `{}` | `{}` | {} |\n", key.key, key.flag, key.variable, key.fallback, key.meaning);
  }
  std::ifstream in(HOSTLER_CONFIGURATION_PAGE, std::ios::binary);
  std::stringstream page;
  page << in.rdbuf();
  EXPECT_NE(page.str().find("\n\n" + table + "\n"), std::string::npos) << "docs/configuration.md must hold this table:\n\n"
                                                                       << table;
}

}  // namespace
}  // namespace hostler::config
