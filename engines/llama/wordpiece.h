// Text to BERT's tokens: libllama's WordPiece over the vocabulary of the authors' files, which it is given in memory.
//
// Owner: the model. Threads: any; after construction nothing changes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <llama.h>

#include "base/result.h"
#include "engines/llama/bert_files.h"

namespace hostler::llama {

class WordPiece {
 public:
  // REQUIRES: the library is open.
  [[nodiscard]] static Result<WordPiece> Make(BertVocabulary vocabulary);

  // [CLS] … [SEP]. Special tokens that the text spells out count as such, as the authors' tokenizer has it.
  [[nodiscard]] Result<std::vector<llama_token>> Tokens(const std::string& text) const;
  // As the vocabulary has it: "##s".
  [[nodiscard]] const std::string& Text(llama_token token) const { return tokens_[static_cast<std::size_t>(token)]; }

 private:
  struct Free {
    void operator()(llama_model* model) const { llama_model_free(model); }
  };
  WordPiece(std::unique_ptr<llama_model, Free> model, std::vector<std::string> tokens)
      : model_(std::move(model)), tokens_(std::move(tokens)) {}

  std::unique_ptr<llama_model, Free> model_;  // a vocabulary and nothing else
  std::vector<std::string> tokens_;
};

}  // namespace hostler::llama
