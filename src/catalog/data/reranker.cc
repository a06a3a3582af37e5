// Rerankers as their authors publish them: torch weights, managed only (see embedding.cc).
#include "catalog/data/tables.h"

namespace hostler::catalog::data {
namespace {

struct Row {
  std::string_view id;
  Memory memory;
  std::string_view licence;
  std::string_view description;
};

// clang-format off
constexpr Row kRows[] = {
    {"Qwen/Qwen3-Reranker-0.6B", {2400, 1200, 600}, "apache-2.0", "Many languages; puts found passages into order, on a CPU too"},
    {"Qwen/Qwen3-Reranker-4B", {16000, 8000, 4000}, "apache-2.0", "Many languages; more exact, wants a GPU"},
    {"Qwen/Qwen3-Reranker-8B", {32000, 16000, 8000}, "apache-2.0", "Many languages; the most exact, wants a large GPU"},
};
// clang-format on

}  // namespace

std::vector<Entry> Rerankers() {
  std::vector<Entry> entries;
  for (const Row& row : kRows) {
    Entry entry;
    entry.id = entry.repository = row.id;
    entry.type = model::ModelType::kReranker;
    entry.name = LastSegment(row.id);
    entry.description = row.description;
    entry.provider = kManagedOnly;
    entry.memory_mb = ToMap(row.memory);
    entry.licence = row.licence;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace hostler::catalog::data
