// SPLADE: sparse vectors of texts, weights of entries of the vocabulary. A text's weight of an entry is log(1 + max(0, x)) of the
// largest logit x that the masked-word head gives it at any of the text's tokens.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/llama/llama.h"
#include "engines/llama/masked_lm.h"
#include "engines/llama/wordpiece.h"

namespace hostler::llama {
namespace {

namespace fs = std::filesystem;
using engine_sdk::Asked;
using wire::SparseReply;
using wire::SparseRequest;

constexpr int kTexts = 32;            // of one call: they make good company for each other, and nobody waits long
constexpr std::size_t kTokens = 512;  // … of all its texts together: attention costs grow with their square

class SpladeModel final : public engine_sdk::Model {
 public:
  SpladeModel(std::unique_ptr<MaskedLm> network, WordPiece words) : network_(std::move(network)), words_(std::move(words)) {}

  [[nodiscard]] wire::Capabilities capabilities() const override {
    wire::Capabilities can;
    can.text = wire::TextAbilities{
        .sparse = true, .dimension = network_->config().vocabulary, .context_length = network_->config().positions};
    return can;
  }
  [[nodiscard]] int batch() const override { return kTexts; }
  [[nodiscard]] std::vector<Result<SparseReply>> Sparse(std::span<const Asked<SparseRequest>> asked) override;

 private:
  // One text on its way through the network.
  struct Text {
    std::size_t request;
    std::size_t place;  // among its inputs
    std::vector<llama_token> tokens;
  };
  [[nodiscard]] Result<std::vector<llama_token>> TokensOf(const SparseRequest& request, std::size_t place) const;
  [[nodiscard]] std::vector<Text> Prepare(std::span<const Asked<SparseRequest>> asked,
                                          std::vector<Result<SparseReply>>& replies) const;
  void Work(std::span<const Text> texts, std::span<const Asked<SparseRequest>> asked, std::vector<Result<SparseReply>>& replies);
  [[nodiscard]] wire::SparseVector Pick(const std::vector<float>& logits, std::optional<int> top_k) const;

  const std::unique_ptr<MaskedLm> network_;
  const WordPiece words_;
};

Result<std::vector<llama_token>> SpladeModel::TokensOf(const SparseRequest& request, std::size_t place) const {
  HOSTLER_TRY(std::vector<llama_token> tokens, words_.Tokens(request.inputs[place]));
  const auto most = static_cast<std::size_t>(network_->config().positions);
  if (tokens.size() <= most) return tokens;
  if (!request.truncate.value_or(false)) {
    return Fail(Error{Code::kInvalid, fmt::format("the text has {} tokens, the model reads {}", tokens.size(), most),
                      "Shorten it, split it, or ask for it to be truncated."}
                    .At(fmt::format("inputs[{}]", place))
                    .Named("input_too_long"));
  }
  tokens[most - 1] = tokens.back();  // [SEP]
  tokens.resize(most);
  return tokens;
}

std::vector<SpladeModel::Text> SpladeModel::Prepare(std::span<const Asked<SparseRequest>> asked,
                                                    std::vector<Result<SparseReply>>& replies) const {
  std::vector<Text> texts;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    SparseReply reply;
    reply.vectors.resize(asked[i].request.inputs.size());
    std::vector<Text> mine;
    Result<> well;
    for (std::size_t place = 0; well && place < reply.vectors.size(); ++place) {
      auto tokens = TokensOf(asked[i].request, place);
      if (!tokens) {
        well = Fail(std::move(tokens).error());
      } else {
        reply.tokens += static_cast<int>(tokens->size());
        mine.push_back({i, place, *std::move(tokens)});
      }
    }
    if (well)
      replies.emplace_back(std::move(reply));
    else
      replies.emplace_back(Fail(std::move(well).error()));
    if (well) std::move(mine.begin(), mine.end(), std::back_inserter(texts));
  }
  return texts;
}

wire::SparseVector SpladeModel::Pick(const std::vector<float>& logits, std::optional<int> top_k) const {
  std::vector<int> indices;
  for (std::size_t v = 0; v < logits.size(); ++v) {
    if (logits[v] > 0) indices.push_back(static_cast<int>(v));
  }
  const auto at = [&](int index) { return logits[static_cast<std::size_t>(index)]; };
  if (top_k && indices.size() > static_cast<std::size_t>(*top_k)) {
    // Of equal weights, the one that comes first in the vocabulary.
    std::stable_sort(indices.begin(), indices.end(), [&](int a, int b) { return at(a) > at(b); });
    indices.resize(static_cast<std::size_t>(*top_k));
    std::sort(indices.begin(), indices.end());
  }
  wire::SparseVector vector;
  for (const int index : indices) {
    vector.indices.push_back(index);
    vector.values.push_back(std::log1p(at(index)));
    vector.tokens.push_back(words_.Text(index));
  }
  return vector;
}

void SpladeModel::Work(std::span<const Text> texts, std::span<const Asked<SparseRequest>> asked,
                       std::vector<Result<SparseReply>>& replies) {
  std::vector<std::vector<llama_token>> tokens;
  for (const Text& text : texts) tokens.push_back(text.tokens);
  const auto unwanted = [&] {
    return std::all_of(texts.begin(), texts.end(), [&](const Text& text) { return asked[text.request].stop.stop_requested(); });
  };
  const auto logits = network_->LargestLogits(tokens, unwanted);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Result<SparseReply>& reply = replies[texts[i].request];
    if (!reply) continue;
    if (logits)
      reply->vectors[texts[i].place] = Pick((*logits)[i], asked[texts[i].request].request.top_k);
    else
      reply = Fail(logits.error());
  }
}

std::vector<Result<SparseReply>> SpladeModel::Sparse(std::span<const Asked<SparseRequest>> asked) {
  std::vector<Result<SparseReply>> replies;
  std::vector<Text> texts = Prepare(asked, replies);
  // Texts of a length share a call: the network's work is then best used.
  std::stable_sort(texts.begin(), texts.end(), [](const Text& a, const Text& b) { return a.tokens.size() < b.tokens.size(); });
  for (std::size_t begin = 0; begin < texts.size();) {
    std::size_t end = begin;
    for (std::size_t tokens = 0; end < texts.size() && end - begin < kTexts; ++end) {
      tokens += texts[end].tokens.size();
      if (tokens > kTokens && end > begin) break;
    }
    const std::span<const Text> together(texts.data() + begin, end - begin);
    const bool wanted = std::any_of(together.begin(), together.end(), [&](const Text& text) {
      return replies[text.request] && !asked[text.request].stop.stop_requested();
    });
    if (wanted) Work(together, asked, replies);
    begin = end;
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].stop.stop_requested()) replies[i] = Fail(Code::kCancelled, "nobody wants the answer any more", "Ask again.");
  }
  return replies;
}

// --- loading ---

struct Options {
  std::optional<std::string> quantization;
};
BOOST_DESCRIBE_STRUCT(Options, (), (quantization))

Result<Precision> PrecisionOf(const json::Any& given) {
  Options options;
  json::DecodeOptions decode;
  if (auto done = json::Decode(given, options, decode); !done) {
    done.error().field = "options." + done.error().field;
    return Fail(std::move(done).error());
  }
  if (!options.quantization) return Precision::kAsIs;
  if (options.quantization == "float32") return Precision::kFloat32;
  if (options.quantization == "float16") return Precision::kFloat16;
  if (options.quantization == "int8") return Precision::kInt8;
  return Fail(Error{Code::kInvalid, fmt::format("unknown quantization \"{}\"", Clip(Printable(*options.quantization), 80)),
                    "Use float32, float16 or int8, or leave it out: weights are then kept as they are."}
                  .At("options.quantization"));
}

// A file stands for the folder that it lies in.
fs::path FolderOf(const fs::path& path) {
  std::error_code ec;
  return fs::is_directory(path, ec) ? path : path.parent_path();
}

bool Recognises(const fs::path& path) {
  return !path.empty() && IsBertFolder(FolderOf(path));
}

// The weights as safetensors if they are there, else as PyTorch's archive.
Result<fs::path> WeightsIn(const fs::path& folder) {
  std::error_code ec;
  for (const std::string_view name : {"model.safetensors", "pytorch_model.bin"}) {
    if (fs::exists(folder / name, ec)) return folder / name;
  }
  return Fail(Code::kInvalid, fmt::format("{} has no model.safetensors and no pytorch_model.bin", folder.string()),
              "Download the whole model.");
}

Result<std::unique_ptr<engine_sdk::Model>> Load(const engine_sdk::LoadContext& context) {
  const fs::path folder = FolderOf(context.path);
  HOSTLER_TRY(const Precision precision, PrecisionOf(context.options));
  HOSTLER_TRY(const BertConfig config, ReadBertConfig(folder));
  HOSTLER_TRY(const fs::path weights, WeightsIn(folder));
  context.progress("reading the vocabulary", std::nullopt);
  HOSTLER_TRY(BertVocabulary vocabulary, ReadBertVocabulary(folder, config.vocabulary));
  HOSTLER_TRY(WordPiece words, WordPiece::Make(std::move(vocabulary)));
  HOSTLER_TRY(const TensorFile file, TensorFile::Open(weights));
  int told = -1;
  const auto progress = [&](double fraction) {
    const int percent = static_cast<int>(fraction * 100);
    if (percent != std::exchange(told, percent)) context.progress("reading weights", fraction);
  };
  HOSTLER_TRY(auto network, MaskedLm::Load(config, file, precision, context.threads, progress));
  return std::make_unique<SpladeModel>(std::move(network), std::move(words));
}

}  // namespace

const Family& Splade() {
  static const Family family = {"SPLADE models (config.json, vocab.txt, model.safetensors)", &Recognises, &Load, "sparse"};
  return family;
}

}  // namespace hostler::llama
