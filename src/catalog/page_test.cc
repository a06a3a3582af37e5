// docs/models.md lists every model and every key; this keeps it true.

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "catalog/catalog.h"

namespace hostler::catalog {
namespace {

std::string Page() {
  std::ifstream in(HOSTLER_MODELS_PAGE, std::ios::binary);
  std::stringstream page;
  page << in.rdbuf();
  return page.str();
}

std::string Files(const Entry& entry) {
  if (entry.files.IsAll()) return "all";
  std::vector<std::string> quoted;
  for (const std::string& pattern : entry.files.include) quoted.push_back("`" + pattern + "`");
  return Join(quoted, " ");
}

TEST(ModelsPageTest, ListsEveryModelAsItIs) {
  std::string table =
      "| id | type | engine | repository, if it is another | files | MB | licence |\n|---|---|---|---|---|---|---|\n";
  const Catalogue catalogue(BuiltIn());
  for (const Entry& entry : catalogue.entries()) {
    table += fmt::format("| `{}`{} | {} | {} | {} | {} | {} | {}{} |\n", entry.id, entry.is_default ? " (default)" : "",
                         json::EnumName(entry.type), entry.engine.empty() ? "managed only" : entry.engine,
                         entry.repository == entry.id ? "" : "`" + entry.repository + "`", Files(entry),
                         entry.size_mb == 0 ? "?" : std::to_string(entry.size_mb), entry.licence.empty() ? "?" : entry.licence,
                         entry.gated ? ", gated" : "");
  }
  EXPECT_NE(Page().find("\n\n" + table), std::string::npos) << "docs/models.md must hold this table:\n\n" << table;
}

// An unknown key's error lists all keys: each has its row.
TEST(ModelsPageTest, ListsEveryKey) {
  const auto source = ParseUserEntries("[[model]]\nqqqqqqqqqqqqqqqq = 1\n", "m");
  ASSERT_FALSE(source.has_value());
  std::string keys = source.error().remedy;
  keys = keys.substr(keys.find(": ") + 2);
  keys.pop_back();
  const std::string page = Page();
  for (const std::string_view key : Split(keys, ','))
    EXPECT_NE(page.find(fmt::format("\n| `{}` |", Trim(key))), std::string::npos) << Trim(key);
}

}  // namespace
}  // namespace hostler::catalog
