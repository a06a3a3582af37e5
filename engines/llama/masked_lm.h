// BERT with its masked-word head, as one network of ggml: tokens in, for each text the largest logit that any of its tokens gives
// each entry of the vocabulary. The weights are read from the authors' own file; nothing is written anywhere.
//
// Architecture: Devlin et al. 2018 (arXiv:1810.04805); the head: Formal et al. 2021 (arXiv:2107.05720).
//
// Owner: the model. Threads: one at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include "base/result.h"
#include "engines/llama/bert_files.h"
#include "engines/llama/tensor_file.h"

namespace hostler::llama {

// A name as ggml::Free would be: what each handle of the library is freed with.
struct FreeGgml {
  void operator()(ggml_context* context) const { ggml_free(context); }
  void operator()(ggml_backend* backend) const { ggml_backend_free(backend); }
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
  void operator()(ggml_gallocr* allocator) const { ggml_gallocr_free(allocator); }
};
template <class T>
using Ggml = std::unique_ptr<T, FreeGgml>;

// The weights on the backend. Matrices as [columns, rows], the order of ggml.
struct BertWeights {
  struct Linear {
    ggml_tensor* weight = nullptr;  // [in, out]
    ggml_tensor* bias = nullptr;    // [out]
  };
  struct Layer {
    Linear query, key, value, output, output_norm, up, down, norm;
  };
  ggml_tensor* tokens = nullptr;     // [hidden, vocabulary]
  ggml_tensor* positions = nullptr;  // [hidden, positions]
  ggml_tensor* types = nullptr;      // [hidden, types]; null: DistilBERT has none
  Linear norm;                       // of the embeddings
  std::vector<Layer> layers;
  Linear head, head_norm;
  Linear decoder;  // its weight may be `tokens`

  Ggml<ggml_context> context;
  Ggml<ggml_backend_buffer> buffer;
};

// How matrices are kept: as in the file (16-bit numbers of either kind as float16), or smaller.
enum class Precision { kAsIs, kFloat32, kFloat16, kInt8 };

// weights.cc: finds, checks and reads every tensor. `progress` is told a fraction.
[[nodiscard]] Result<BertWeights> ReadBertWeights(const BertConfig& config, const TensorFile& file, Precision precision,
                                                  ggml_backend_t backend, const std::function<void(double)>& progress);

class MaskedLm {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MaskedLm>> Load(const BertConfig& config, const TensorFile& file,
                                                              Precision precision, int threads,
                                                              const std::function<void(double)>& progress);

  // REQUIRES: each text has 1 to `positions` tokens, all of them of the vocabulary. Returns float[texts][vocabulary]. kCancelled
  // once `unwanted`, which is asked between two steps of the network, says so.
  [[nodiscard]] Result<std::vector<std::vector<float>>> LargestLogits(const std::vector<std::vector<std::int32_t>>& texts,
                                                                      const std::function<bool()>& unwanted);
  [[nodiscard]] const BertConfig& config() const { return config_; }

 private:
  MaskedLm(const BertConfig& config, Ggml<ggml_backend> backend, BertWeights weights);
  struct Inputs {
    std::vector<std::int32_t> tokens, positions, owners;  // owner: which text a token belongs to
  };
  // float[tokens][hidden]: what the head makes of each token.
  [[nodiscard]] Result<std::vector<float>> Encode(const Inputs& inputs);
  [[nodiscard]] Result<std::vector<std::vector<float>>> Decode(const Inputs& inputs, const std::vector<float>& states,
                                                               std::size_t texts);
  [[nodiscard]] Result<> Compute(ggml_cgraph* graph);

  ggml_tensor* Apply(ggml_context* g, const BertWeights::Linear& linear, ggml_tensor* x) const;
  ggml_tensor* Norm(ggml_context* g, const BertWeights::Linear& norm, ggml_tensor* x) const;
  ggml_tensor* Attend(ggml_context* g, const BertWeights::Layer& layer, ggml_tensor* x, ggml_tensor* mask) const;

  const BertConfig config_;
  const Ggml<ggml_backend> backend_;
  const BertWeights weights_;
  const Ggml<ggml_gallocr> allocator_;
  std::function<bool()> unwanted_;  // while a call runs
};

}  // namespace hostler::llama
