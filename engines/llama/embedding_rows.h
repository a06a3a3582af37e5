// Single rows of a model's table of token embeddings, read from its GGUF file: a prompt that sums rows needs a few hundred of
// them, and the whole table, as numbers, would be more than a gigabyte.
//
// Owner: a speech model. Threads: one at a time.
#pragma once

#include <llama.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/result.h"

namespace hostler::llama {

using Row = std::vector<float>;  // one embedding, float[width]

class EmbeddingRows {
 public:
  // `width`: what the model was loaded with; kInvalid if the table has another, or is of a type that has no plain numbers.
  [[nodiscard]] static Result<EmbeddingRows> Open(const std::filesystem::path& model, int width);

  [[nodiscard]] Result<Row> Get(llama_token token);
  [[nodiscard]] int width() const { return width_; }

 private:
  std::ifstream file_;
  std::uint64_t offset_ = 0;     // of the first row, in the file
  std::uint64_t row_bytes_ = 0;  // as stored
  std::int64_t rows_ = 0;
  int type_ = 0;  // ggml_type
  int width_ = 0;
};

}  // namespace hostler::llama
