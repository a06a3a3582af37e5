// Which tensors of a BERT's file go where, and how they get there.
#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/llama/masked_lm.h"

namespace hostler::llama {
namespace {

constexpr std::size_t kPiece = 1 << 20;  // numbers that are read at a time

// What the two families call the same things. {} is the layer's number.
struct Names {
  std::string_view prefix;
  std::string_view tokens, positions, types, norm;
  std::string_view query, key, value, output, output_norm, up, down, layer_norm;
  std::string_view head, head_norm, decoder, decoder_bias;
};

constexpr Names kBert = {.prefix = "bert.",
                         .tokens = "embeddings.word_embeddings",
                         .positions = "embeddings.position_embeddings",
                         .types = "embeddings.token_type_embeddings",
                         .norm = "embeddings.LayerNorm",
                         .query = "encoder.layer.{}.attention.self.query",
                         .key = "encoder.layer.{}.attention.self.key",
                         .value = "encoder.layer.{}.attention.self.value",
                         .output = "encoder.layer.{}.attention.output.dense",
                         .output_norm = "encoder.layer.{}.attention.output.LayerNorm",
                         .up = "encoder.layer.{}.intermediate.dense",
                         .down = "encoder.layer.{}.output.dense",
                         .layer_norm = "encoder.layer.{}.output.LayerNorm",
                         .head = "cls.predictions.transform.dense",
                         .head_norm = "cls.predictions.transform.LayerNorm",
                         .decoder = "cls.predictions.decoder.weight",
                         .decoder_bias = "cls.predictions.bias"};

constexpr Names kDistilBert = {.prefix = "distilbert.",
                               .tokens = "embeddings.word_embeddings",
                               .positions = "embeddings.position_embeddings",
                               .types = "",
                               .norm = "embeddings.LayerNorm",
                               .query = "transformer.layer.{}.attention.q_lin",
                               .key = "transformer.layer.{}.attention.k_lin",
                               .value = "transformer.layer.{}.attention.v_lin",
                               .output = "transformer.layer.{}.attention.out_lin",
                               .output_norm = "transformer.layer.{}.sa_layer_norm",
                               .up = "transformer.layer.{}.ffn.lin1",
                               .down = "transformer.layer.{}.ffn.lin2",
                               .layer_norm = "transformer.layer.{}.output_layer_norm",
                               .head = "vocab_transform",
                               .head_norm = "vocab_layer_norm",
                               .decoder = "vocab_projector.weight",
                               .decoder_bias = "vocab_projector.bias"};

float FromBf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

enum class Shape {
  kMatrix,  // multiplied with: kept as the precision says
  kTable,   // rows that are added: float32
  kVector,  // float32
};

class Reader {
 public:
  Reader(const BertConfig& config, const TensorFile& file, Precision precision)
      : config_(config), file_(file), names_(config.distil ? kDistilBert : kBert), precision_(precision) {
    // Every tensor of this network, and some room.
    const std::size_t count = 64 + (static_cast<std::size_t>(config.layers) * 16);
    weights_.context.reset(ggml_init({ggml_tensor_overhead() * count, nullptr, true}));
  }

  Result<BertWeights> Read(ggml_backend_t backend, const std::function<void(double)>& progress);

 private:
  struct Planned {
    ggml_tensor* tensor;
    const TensorPlace* place;
  };
  Result<> Describe();
  Result<> DescribeHead();
  [[nodiscard]] const TensorPlace* Find(const std::string& name) const;
  Result<ggml_tensor*> Plan(const std::string& name, std::int64_t columns, std::int64_t rows, Shape shape);
  Result<ggml_tensor*> Vector(const std::string& name, std::int64_t size) { return Plan(name, size, 1, Shape::kVector); }
  Result<BertWeights::Linear> Linear(std::string_view pattern, int layer, std::int64_t in, std::int64_t out);
  Result<BertWeights::Linear> Norm(std::string_view pattern, int layer = 0);
  Result<> Fill(const Planned& planned, const std::function<void(double)>& progress);
  [[nodiscard]] ggml_type TypeOf(const TensorPlace& place, Shape shape) const;

  const BertConfig& config_;
  const TensorFile& file_;
  const Names& names_;
  const Precision precision_;
  BertWeights weights_;
  std::vector<Planned> plan_;
  std::uint64_t bytes_ = 0;  // to be read
  std::uint64_t done_ = 0;
};

// With the family's prefix, or without it where only the encoder was kept under its own name; older files say gamma and beta.
const TensorPlace* Reader::Find(const std::string& name) const {
  std::vector<std::string> names = {std::string(names_.prefix) + name, name};
  for (const auto& [now, once] :
       {std::pair("LayerNorm.weight", "LayerNorm.gamma"), std::pair("LayerNorm.bias", "LayerNorm.beta")}) {
    if (!name.ends_with(now)) continue;
    const std::string old = name.substr(0, name.size() - std::strlen(now)) + once;
    names.insert(names.end(), {std::string(names_.prefix) + old, old});
  }
  for (const std::string& candidate : names) {
    if (const TensorPlace* place = file_.Find(candidate); place != nullptr) return place;
  }
  return nullptr;
}

ggml_type Reader::TypeOf(const TensorPlace& place, Shape shape) const {
  if (shape != Shape::kMatrix || precision_ == Precision::kFloat32) return GGML_TYPE_F32;
  if (precision_ == Precision::kFloat16) return GGML_TYPE_F16;
  if (precision_ == Precision::kInt8) return GGML_TYPE_Q8_0;
  return place.dtype == "F32" ? GGML_TYPE_F32 : GGML_TYPE_F16;
}

Result<ggml_tensor*> Reader::Plan(const std::string& name, std::int64_t columns, std::int64_t rows, Shape shape) {
  const TensorPlace* place = Find(name);
  if (place == nullptr) {
    return Fail(Code::kInvalid, fmt::format("the weights have no tensor \"{}\"", name),
                "Is this the whole model? Download it again.");
  }
  if (place->dtype != "F32" && place->dtype != "F16" && place->dtype != "BF16") {
    return Fail(Code::kUnsupported, fmt::format("tensor \"{}\" is of type {}", name, Clip(Printable(place->dtype), 20)),
                "F32, F16 and BF16 are read.");
  }
  const std::vector<std::uint64_t> wanted =
      shape == Shape::kVector ? std::vector<std::uint64_t>{static_cast<std::uint64_t>(columns)}
                              : std::vector<std::uint64_t>{static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns)};
  if (place->shape != wanted) {
    return Fail(Code::kInvalid,
                fmt::format("tensor \"{}\" has the shape [{}], and config.json gives [{}]", name, fmt::join(place->shape, ", "),
                            fmt::join(wanted, ", ")),
                "Use the config.json that belongs to the weights.");
  }
  const ggml_type type = TypeOf(*place, shape);
  if (columns % ggml_blck_size(type) != 0) {
    return Fail(Error{Code::kUnsupported, fmt::format("rows of {} numbers cannot be kept as {}", columns, ggml_type_name(type)),
                      "Leave the option out."}
                    .At("options.quantization"));
  }
  ggml_tensor* tensor = shape == Shape::kVector ? ggml_new_tensor_1d(weights_.context.get(), type, columns)
                                                : ggml_new_tensor_2d(weights_.context.get(), type, columns, rows);
  plan_.push_back({tensor, place});
  bytes_ += place->end - place->begin;
  return tensor;
}

Result<BertWeights::Linear> Reader::Linear(std::string_view pattern, int layer, std::int64_t in, std::int64_t out) {
  const std::string name = fmt::format(fmt::runtime(pattern), layer);
  BertWeights::Linear linear;
  HOSTLER_TRY(linear.weight, Plan(name + ".weight", in, out, Shape::kMatrix));
  HOSTLER_TRY(linear.bias, Vector(name + ".bias", out));
  return linear;
}

Result<BertWeights::Linear> Reader::Norm(std::string_view pattern, int layer) {
  const std::string name = fmt::format(fmt::runtime(pattern), layer);
  BertWeights::Linear norm;
  HOSTLER_TRY(norm.weight, Vector(name + ".weight", config_.hidden));
  HOSTLER_TRY(norm.bias, Vector(name + ".bias", config_.hidden));
  return norm;
}

Result<> Reader::DescribeHead() {
  const std::int64_t hidden = config_.hidden;
  if (Find(std::string(names_.head) + ".weight") == nullptr) {
    return Fail(Code::kInvalid,
                fmt::format("the weights have no masked-word head (\"{}\"), which makes the sparse vectors", names_.head),
                "This is an encoder only: choose a SPLADE model.");
  }
  HOSTLER_TRY(weights_.head, Linear(names_.head, 0, hidden, hidden));
  HOSTLER_TRY(weights_.head_norm, Norm(names_.head_norm));
  weights_.decoder.weight = weights_.tokens;  // tied, and left out of most files
  if (Find(std::string(names_.decoder)) != nullptr) {
    HOSTLER_TRY(weights_.decoder.weight, Plan(std::string(names_.decoder), hidden, config_.vocabulary, Shape::kMatrix));
  }
  const bool own = Find(std::string(names_.decoder_bias)) != nullptr;
  HOSTLER_TRY(weights_.decoder.bias,
              Vector(own ? std::string(names_.decoder_bias) : "cls.predictions.decoder.bias", config_.vocabulary));
  return {};
}

Result<> Reader::Describe() {
  const std::int64_t hidden = config_.hidden;
  const std::int64_t inner = config_.intermediate;
  const auto table = [&](std::string_view name) { return std::string(name) + ".weight"; };
  HOSTLER_TRY(weights_.tokens, Plan(table(names_.tokens), hidden, config_.vocabulary, Shape::kMatrix));
  HOSTLER_TRY(weights_.positions, Plan(table(names_.positions), hidden, config_.positions, Shape::kTable));
  if (config_.types > 0) {
    HOSTLER_TRY(weights_.types, Plan(table(names_.types), hidden, config_.types, Shape::kTable));
  }
  HOSTLER_TRY(weights_.norm, Norm(names_.norm));
  for (int i = 0; i < config_.layers; ++i) {
    BertWeights::Layer& layer = weights_.layers.emplace_back();
    HOSTLER_TRY(layer.query, Linear(names_.query, i, hidden, hidden));
    HOSTLER_TRY(layer.key, Linear(names_.key, i, hidden, hidden));
    HOSTLER_TRY(layer.value, Linear(names_.value, i, hidden, hidden));
    HOSTLER_TRY(layer.output, Linear(names_.output, i, hidden, hidden));
    HOSTLER_TRY(layer.output_norm, Norm(names_.output_norm, i));
    HOSTLER_TRY(layer.up, Linear(names_.up, i, hidden, inner));
    HOSTLER_TRY(layer.down, Linear(names_.down, i, inner, hidden));
    HOSTLER_TRY(layer.norm, Norm(names_.layer_norm, i));
  }
  return DescribeHead();
}

// Piece by piece, whole rows each: the file's numbers as float, then as the tensor keeps them.
Result<> Reader::Fill(const Planned& planned, const std::function<void(double)>& progress) {
  const auto& [tensor, place] = planned;
  const auto columns = static_cast<std::size_t>(tensor->ne[0]);
  const auto rows = static_cast<std::size_t>(ggml_nrows(tensor));
  const std::size_t element = ElementSize(place->dtype);
  const std::size_t most = std::max<std::size_t>(1, kPiece / columns);
  std::vector<std::byte> raw;
  std::vector<float> numbers;
  std::vector<std::byte> kept;
  for (std::size_t row = 0; row < rows; row += most) {
    const std::size_t now = std::min(most, rows - row);
    const std::size_t count = now * columns;
    raw.resize(count * element);
    HOSTLER_OK(file_.Read(*place, row * columns * element, raw));
    numbers.resize(count);
    const auto* halves = reinterpret_cast<const std::uint16_t*>(raw.data());
    if (place->dtype == "F32")
      std::memcpy(numbers.data(), raw.data(), raw.size());
    else if (place->dtype == "F16")
      ggml_fp16_to_fp32_row(halves, numbers.data(), static_cast<std::int64_t>(count));
    else
      std::transform(halves, halves + count, numbers.begin(), FromBf16);
    const std::size_t row_size = ggml_row_size(tensor->type, tensor->ne[0]);
    if (tensor->type == GGML_TYPE_F32) {
      ggml_backend_tensor_set(tensor, numbers.data(), row * row_size, now * row_size);
    } else {
      kept.resize(now * row_size);
      ggml_quantize_chunk(tensor->type, numbers.data(), kept.data(), 0, static_cast<std::int64_t>(now),
                          static_cast<std::int64_t>(columns), nullptr);
      ggml_backend_tensor_set(tensor, kept.data(), row * row_size, kept.size());
    }
    done_ += raw.size();
    progress(static_cast<double>(done_) / static_cast<double>(bytes_));
  }
  return {};
}

Result<BertWeights> Reader::Read(ggml_backend_t backend, const std::function<void(double)>& progress) {
  HOSTLER_OK(Describe());
  weights_.buffer.reset(ggml_backend_alloc_ctx_tensors(weights_.context.get(), backend));
  if (!weights_.buffer) {
    return Fail(
        Error{Code::kUnavailable, "there is not enough memory for the weights", "Unload another model, or use a smaller one."}
            .Named("out_of_memory"));
  }
  for (const Planned& planned : plan_) HOSTLER_OK(Fill(planned, progress));
  return std::move(weights_);
}

}  // namespace

Result<BertWeights> ReadBertWeights(const BertConfig& config, const TensorFile& file, Precision precision, ggml_backend_t backend,
                                    const std::function<void(double)>& progress) {
  return Reader(config, file, precision).Read(backend, progress);
}

}  // namespace hostler::llama
