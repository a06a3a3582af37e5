// The small files of a BERT repository as its authors publish it: config.json, and the vocabulary (vocab.txt or tokenizer.json).
//
// Plain values; any thread. Errors name the file and what is wrong with it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace hostler::llama {

struct BertConfig {
  bool distil = false;   // DistilBERT: the same network under other names, and without token types
  int vocabulary = 0;    // entries
  int positions = 0;     // tokens of the longest text
  int types = 0;         // of tokens; 0: none
  int hidden = 0;        // numbers for each token
  int intermediate = 0;  // … within a layer
  int layers = 0;
  int heads = 0;
  float epsilon = 1e-12F;  // of the norms
};

// kUnsupported for another architecture or activation, kInvalid for numbers that do not fit together.
[[nodiscard]] Result<BertConfig> ReadBertConfig(const std::filesystem::path& folder);

// Is config.json there, and does it speak of one of these?
[[nodiscard]] bool IsBertFolder(const std::filesystem::path& folder);

struct BertVocabulary {
  std::vector<std::string> tokens;  // as in the file: "cat", "##s", "[CLS]"
  bool lowercase = true;
  bool strip_accents = true;
};

// `size` entries; a file with fewer is filled up, as padded models are. kInvalid without [CLS], [SEP], [UNK], [PAD] or [MASK].
[[nodiscard]] Result<BertVocabulary> ReadBertVocabulary(const std::filesystem::path& folder, int size);

}  // namespace hostler::llama
