// Language models as their authors publish them: torch weights, managed only (see embedding.cc).
#include "catalog/data/tables.h"

namespace hostler::catalog::data {
namespace {

struct Row {
  std::string_view id;
  std::string_view name;
  int context;  // tokens
  Memory memory;
  std::string_view licence;
  std::string_view description;
};

// clang-format off
constexpr Row kRows[] = {
    {"Qwen/Qwen2.5-0.5B-Instruct", "Local - Qwen 2.5 0.5B", 32768, {0, 1300, 800, 500}, "apache-2.0",
     "Very small: short answers and rewording on any machine"},
    {"Qwen/Qwen2.5-1.5B-Instruct", "Local - Qwen 2.5 1.5B", 32768, {0, 3500, 2000, 1200}, "apache-2.0",
     "Small: summaries and simple questions"},
    {"Qwen/Qwen2.5-3B-Instruct", "Local - Qwen 2.5 3B", 32768, {0, 7000, 4000, 2500}, "qwen-research",
     "Middle: sound answers on a good CPU or a small GPU; for research use"},
    {"Qwen/Qwen2.5-7B-Instruct", "Local - Qwen 2.5 7B", 32768, {0, 15000, 8500, 5000}, "apache-2.0",
     "Large: the best answers of the four, wants a GPU"},
};
// clang-format on

}  // namespace

std::vector<Entry> LanguageModels() {
  std::vector<Entry> entries;
  for (const Row& row : kRows) {
    Entry entry;
    entry.id = entry.repository = row.id;
    entry.type = model::ModelType::kLlm;
    entry.name = row.name;
    entry.description = row.description;
    entry.provider = kManagedOnly;
    entry.memory_mb = ToMap(row.memory);
    entry.context_window = row.context;
    entry.licence = row.licence;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace hostler::catalog::data
