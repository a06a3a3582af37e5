// Sparse encoders. They are BERT with its masked-word head, which no GGUF repository carries: the engine reads the authors' own
// files and converts them when it loads.
//
// Known from listings of the repositories: splade-cocondenser-ensembledistil had config.json, pytorch_model.bin, tokenizer.json,
// tokenizer_config.json, special_tokens_map.json and vocab.txt, and a model.safetensors in one of its commits, which may be that
// of a pull request only. Not known: what its main branch has today, and which weights splade-v3 has, since its files are shown
// to nobody who has not accepted its terms. So the patterns ask for both kinds of weights, and the engine takes the safetensors
// if there are any. Nothing else is downloaded.
#include "catalog/data/tables.h"

namespace hostler::catalog::data {
namespace {

struct Row {
  std::string_view id;
  Memory memory;
  std::string_view licence;
  std::string_view description;
  bool gated = false;
};

// clang-format off
constexpr Row kRows[] = {
    {"naver/splade-cocondenser-ensembledistil", {880, 440, 220}, "cc-by-nc-sa-4.0",
     "English sparse vectors: words with weights, for search engines; not for commercial use; the default"},
    {"naver/splade-v3", {880, 440, 220}, "cc-by-nc-sa-4.0",
     "English sparse vectors, the newer training; not for commercial use", kGated},
};
// clang-format on

}  // namespace

std::vector<Entry> SpladeModels() {
  std::vector<Entry> entries;
  for (const Row& row : kRows) {
    Entry entry;
    entry.id = entry.repository = row.id;
    entry.type = model::ModelType::kSplade;
    entry.name = LastSegment(row.id);
    entry.description = row.description;
    entry.provider = "splade";
    entry.engine = kLlamaEngine;
    entry.memory_mb = ToMap(row.memory);
    entry.files.include = {"config.json",    "model.safetensors",     "pytorch_model.bin",      "vocab.txt",
                           "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"};
    entry.licence = row.licence;
    entry.gated = row.gated;
    entry.is_default = row.id == "naver/splade-cocondenser-ensembledistil";
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace hostler::catalog::data
