#include "engines/llama/masked_lm.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engines/llama/library.h"

namespace hostler::llama {
namespace {

constexpr std::int64_t kDecoded = 64;  // tokens at a time: their logits take 8 MB of a vocabulary of 30,000
constexpr std::size_t kNodes = 8192;

// The context of one graph: descriptions only, the numbers lie where the allocator puts them.
Ggml<ggml_context> GraphContext() {
  return Ggml<ggml_context>(
      ggml_init({ggml_tensor_overhead() * kNodes + ggml_graph_overhead_custom(kNodes, false), nullptr, true}));
}

ggml_tensor* Input(ggml_context* g, ggml_type type, std::int64_t columns, std::int64_t rows = 1) {
  ggml_tensor* tensor = ggml_new_tensor_2d(g, type, columns, rows);
  ggml_set_input(tensor);
  return tensor;
}

template <class T>
void Fill(ggml_tensor* tensor, const std::vector<T>& values) {
  ggml_backend_tensor_set(tensor, values.data(), 0, values.size() * sizeof(T));
}

// Tokens of one text see each other and nobody else.
std::vector<float> MaskOf(const std::vector<std::int32_t>& owners) {
  std::vector<float> mask(owners.size() * owners.size());
  for (std::size_t to = 0; to < owners.size(); ++to) {
    for (std::size_t from = 0; from < owners.size(); ++from)
      mask[to * owners.size() + from] = owners[to] == owners[from] ? 0.0F : -INFINITY;
  }
  return mask;
}

// A function of the backend's own, which the common interface does not have.
template <class Function>
Function Find(ggml_backend_t backend, const char* name) {
  return reinterpret_cast<Function>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(ggml_backend_get_device(backend)), name));
}

}  // namespace

Result<std::unique_ptr<MaskedLm>> MaskedLm::Load(const BertConfig& config, const TensorFile& file, Precision precision,
                                                 int threads, const std::function<void(double)>& progress) {
  Ggml<ggml_backend> backend(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));
  const auto set_threads = backend ? Find<ggml_backend_set_n_threads_t>(backend.get(), "ggml_backend_set_n_threads") : nullptr;
  if (set_threads == nullptr) {
    return Fail(Code::kUnavailable, "ggml has no backend for this processor: " + LastComplaint(), "Install hostler again.");
  }
  set_threads(backend.get(), threads);
  HOSTLER_TRY(BertWeights weights, ReadBertWeights(config, file, precision, backend.get(), progress));
  return std::unique_ptr<MaskedLm>(new MaskedLm(config, std::move(backend), std::move(weights)));
}

MaskedLm::MaskedLm(const BertConfig& config, Ggml<ggml_backend> backend, BertWeights weights)
    : config_(config),
      backend_(std::move(backend)),
      weights_(std::move(weights)),
      allocator_(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_.get()))) {
  if (const auto set = Find<ggml_backend_set_abort_callback_t>(backend_.get(), "ggml_backend_set_abort_callback");
      set != nullptr) {
    set(backend_.get(), [](void* self) { return static_cast<MaskedLm*>(self)->unwanted_(); }, this);
  }
}

ggml_tensor* MaskedLm::Apply(ggml_context* g, const BertWeights::Linear& linear, ggml_tensor* x) const {
  return ggml_add(g, ggml_mul_mat(g, linear.weight, x), linear.bias);
}

ggml_tensor* MaskedLm::Norm(ggml_context* g, const BertWeights::Linear& norm, ggml_tensor* x) const {
  return ggml_add(g, ggml_mul(g, ggml_norm(g, x, config_.epsilon), norm.weight), norm.bias);
}

ggml_tensor* MaskedLm::Attend(ggml_context* g, const BertWeights::Layer& layer, ggml_tensor* x, ggml_tensor* mask) const {
  const std::int64_t heads = config_.heads;
  const std::int64_t size = config_.hidden / heads;
  const std::int64_t tokens = x->ne[1];
  const auto split = [&](const BertWeights::Linear& linear) {
    return ggml_reshape_3d(g, Apply(g, linear, x), size, heads, tokens);
  };
  ggml_tensor* query = ggml_permute(g, split(layer.query), 0, 2, 1, 3);                // [size, tokens, heads]
  ggml_tensor* key = ggml_permute(g, split(layer.key), 0, 2, 1, 3);                    // [size, tokens, heads]
  ggml_tensor* value = ggml_cont(g, ggml_permute(g, split(layer.value), 1, 2, 0, 3));  // [tokens, size, heads]
  ggml_tensor* attention = ggml_mul_mat(g, key, query);                                // [tokens, tokens, heads]
  attention = ggml_soft_max_ext(g, attention, mask, 1.0F / std::sqrt(static_cast<float>(size)), 0);
  ggml_tensor* seen = ggml_permute(g, ggml_mul_mat(g, value, attention), 0, 2, 1, 3);  // [size, heads, tokens]
  return Apply(g, layer.output, ggml_cont_2d(g, seen, config_.hidden, tokens));
}

Result<> MaskedLm::Compute(ggml_cgraph* graph) {
  const ggml_status status = ggml_backend_graph_compute(backend_.get(), graph);
  if (status == GGML_STATUS_SUCCESS) return {};
  if (status == GGML_STATUS_ABORTED) return Fail(Code::kCancelled, "nobody wants the answer any more", "Ask again.");
  return Fail(Code::kInternal, fmt::format("ggml failed: {} {}", ggml_status_to_string(status), LastComplaint()),
              "Try a smaller request.");
}

Result<std::vector<float>> MaskedLm::Encode(const Inputs& inputs) {
  const Ggml<ggml_context> context = GraphContext();
  ggml_context* g = context.get();
  const auto count = static_cast<std::int64_t>(inputs.tokens.size());
  ggml_tensor* tokens = Input(g, GGML_TYPE_I32, count);
  ggml_tensor* positions = Input(g, GGML_TYPE_I32, count);
  ggml_tensor* mask = Input(g, GGML_TYPE_F32, count, count);

  ggml_tensor* x = ggml_add(g, ggml_get_rows(g, weights_.tokens, tokens), ggml_get_rows(g, weights_.positions, positions));
  if (weights_.types != nullptr)
    x = ggml_add(g, x, ggml_view_1d(g, weights_.types, config_.hidden, 0));  // every token is of type 0
  x = Norm(g, weights_.norm, x);
  for (const BertWeights::Layer& layer : weights_.layers) {
    x = Norm(g, layer.output_norm, ggml_add(g, x, Attend(g, layer, x, mask)));
    ggml_tensor* inner = ggml_gelu_erf(g, Apply(g, layer.up, x));
    x = Norm(g, layer.norm, ggml_add(g, x, Apply(g, layer.down, inner)));
  }
  x = Norm(g, weights_.head_norm, ggml_gelu_erf(g, Apply(g, weights_.head, x)));
  ggml_set_output(x);

  ggml_cgraph* graph = ggml_new_graph_custom(g, kNodes, false);
  ggml_build_forward_expand(graph, x);
  if (!ggml_gallocr_alloc_graph(allocator_.get(), graph)) {
    return Fail(Error{Code::kUnavailable, "there is not enough memory", "Send shorter texts, or unload another model."}.Named(
        "out_of_memory"));
  }
  Fill(tokens, inputs.tokens);
  Fill(positions, inputs.positions);
  Fill(mask, MaskOf(inputs.owners));
  HOSTLER_OK(Compute(graph));
  std::vector<float> states(inputs.tokens.size() * static_cast<std::size_t>(config_.hidden));
  ggml_backend_tensor_get(x, states.data(), 0, states.size() * sizeof(float));
  return states;
}

// The bias is the same for every token, so it may wait until the largest is known.
Result<std::vector<std::vector<float>>> MaskedLm::Decode(const Inputs& inputs, const std::vector<float>& states,
                                                         std::size_t texts) {
  const auto entries = static_cast<std::size_t>(config_.vocabulary);
  const auto hidden = static_cast<std::size_t>(config_.hidden);
  std::vector<std::vector<float>> largest(texts, std::vector<float>(entries, -INFINITY));
  std::vector<float> logits;
  for (std::size_t begin = 0; begin < inputs.tokens.size(); begin += kDecoded) {
    const std::size_t count = std::min<std::size_t>(kDecoded, inputs.tokens.size() - begin);
    const Ggml<ggml_context> context = GraphContext();
    ggml_context* g = context.get();
    ggml_tensor* x = Input(g, GGML_TYPE_F32, config_.hidden, static_cast<std::int64_t>(count));
    ggml_tensor* y = ggml_mul_mat(g, weights_.decoder.weight, x);
    ggml_set_output(y);
    ggml_cgraph* graph = ggml_new_graph(g);
    ggml_build_forward_expand(graph, y);
    if (!ggml_gallocr_alloc_graph(allocator_.get(), graph)) {
      return Fail(Error{Code::kUnavailable, "there is not enough memory", "Unload another model."}.Named("out_of_memory"));
    }
    ggml_backend_tensor_set(x, states.data() + begin * hidden, 0, count * hidden * sizeof(float));
    HOSTLER_OK(Compute(graph));
    logits.resize(count * entries);
    ggml_backend_tensor_get(y, logits.data(), 0, logits.size() * sizeof(float));
    for (std::size_t t = 0; t < count; ++t) {
      float* most = largest[static_cast<std::size_t>(inputs.owners[begin + t])].data();
      const float* mine = logits.data() + t * entries;
      for (std::size_t v = 0; v < entries; ++v) most[v] = std::max(most[v], mine[v]);
    }
  }
  std::vector<float> bias(entries);
  ggml_backend_tensor_get(weights_.decoder.bias, bias.data(), 0, entries * sizeof(float));
  for (auto& most : largest) {
    for (std::size_t v = 0; v < entries; ++v) most[v] += bias[v];
  }
  return largest;
}

Result<std::vector<std::vector<float>>> MaskedLm::LargestLogits(const std::vector<std::vector<std::int32_t>>& texts,
                                                                const std::function<bool()>& unwanted) {
  Inputs inputs;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t position = 0; position < texts[i].size(); ++position) {
      inputs.tokens.push_back(texts[i][position]);
      inputs.positions.push_back(static_cast<std::int32_t>(position));
      inputs.owners.push_back(static_cast<std::int32_t>(i));
    }
  }
  unwanted_ = unwanted;
  HOSTLER_TRY(const std::vector<float> states, Encode(inputs));
  return Decode(inputs, states, texts.size());
}

}  // namespace hostler::llama
