#include "engines/llama/bert_files.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "os/files.h"

namespace hostler::llama {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLongestFile = 32 << 20;  // bytes
constexpr std::string_view kMend = "Download the model again.";

// config.json; BERT's names and DistilBERT's.
struct ConfigFile {
  std::optional<std::string> model_type;
  std::optional<int> vocab_size;
  std::optional<int> max_position_embeddings;
  std::optional<int> type_vocab_size;
  std::optional<int> hidden_size, dim;
  std::optional<int> intermediate_size, hidden_dim;
  std::optional<int> num_hidden_layers, n_layers;
  std::optional<int> num_attention_heads, n_heads;
  std::optional<double> layer_norm_eps;
  std::optional<std::string> hidden_act, activation;
  std::optional<std::string> position_embedding_type;
};
BOOST_DESCRIBE_STRUCT(ConfigFile, (),
                      (model_type, vocab_size, max_position_embeddings, type_vocab_size, hidden_size, dim, intermediate_size,
                       hidden_dim, num_hidden_layers, n_layers, num_attention_heads, n_heads, layer_norm_eps, hidden_act,
                       activation, position_embedding_type))

// tokenizer_config.json.
struct TokenizerConfig {
  std::optional<bool> do_lower_case;
  std::optional<bool> strip_accents;
};
BOOST_DESCRIBE_STRUCT(TokenizerConfig, (), (do_lower_case, strip_accents))

Error About(const fs::path& file, std::string what, std::string remedy = std::string(kMend), Code code = Code::kInvalid) {
  return Error{code, fmt::format("{}: {}", file.string(), what), std::move(remedy)};
}

template <class T>
Result<T> ReadStruct(const fs::path& file) {
  HOSTLER_TRY(const std::string text, os::ReadFile(file, kLongestFile));
  auto value = json::Parse<T>(text, json::Unknown::kIgnore);
  if (!value) return Fail(About(file, value.error().Text()));
  return value;
}

Result<> CheckKind(const fs::path& file, const ConfigFile& config) {
  const std::string kind = config.model_type.value_or("");
  if (kind != "bert" && kind != "distilbert") {
    return Fail(About(file, fmt::format("describes a model of type \"{}\"", Clip(Printable(kind), 80)),
                      "Sparse vectors are made with BERT and DistilBERT models.", Code::kUnsupported));
  }
  const std::string activation = config.hidden_act.value_or(config.activation.value_or("gelu"));
  if (activation != "gelu") {
    return Fail(About(file, fmt::format("wants the activation \"{}\"", Clip(Printable(activation), 80)),
                      "Only \"gelu\" is known.", Code::kUnsupported));
  }
  if (config.position_embedding_type.value_or("absolute") != "absolute") {
    return Fail(About(file, "wants relative positions", "Only \"absolute\" is known.", Code::kUnsupported));
  }
  return {};
}

// Bounds that no model comes near: what lies beyond is a mistake, or worse.
Result<int> Bounded(const fs::path& file, std::string_view name, std::optional<int> value, int most) {
  if (value && *value >= 1 && *value <= most) return *value;
  return Fail(
      About(file, value ? fmt::format("{} is {}, expected 1 to {}", name, *value, most) : fmt::format("{} is missing", name)));
}

// What tokenizer.json says: the vocabulary by id, and how text is normalised.
Result<> ReadTokenizerJson(const fs::path& file, BertVocabulary& vocabulary, bool with_tokens, std::size_t size) {
  HOSTLER_TRY(const std::string text, os::ReadFile(file, kLongestFile));
  const auto dom = json::ParseDom(text);
  if (!dom || !dom->is_object()) return Fail(About(file, dom ? "is no JSON object" : dom.error().Text()));
  if (const auto* normalizer = dom->get_object().if_contains("normalizer"); normalizer != nullptr && normalizer->is_object()) {
    const auto flag = [&](std::string_view name, bool otherwise) {
      const auto* value = normalizer->get_object().if_contains(name);
      return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
    };
    vocabulary.lowercase = flag("lowercase", true);
    vocabulary.strip_accents = flag("strip_accents", vocabulary.lowercase);
  }
  if (!with_tokens) return {};
  const auto* model = dom->get_object().if_contains("model");
  const auto* entries = model != nullptr && model->is_object() ? model->get_object().if_contains("vocab") : nullptr;
  if (entries == nullptr || !entries->is_object())
    return Fail(About(file, "has no WordPiece vocabulary", "Put vocab.txt beside it."));
  vocabulary.tokens.assign(size, "");
  for (const auto& entry : entries->get_object()) {
    const auto id = entry.value().is_int64() ? entry.value().get_int64() : -1;
    if (id < 0 || static_cast<std::uint64_t>(id) >= size)
      return Fail(About(file, fmt::format("the token \"{}\" has no place among {}", Clip(Printable(entry.key()), 80), size)));
    vocabulary.tokens[static_cast<std::size_t>(id)] = entry.key();
  }
  return {};
}

Result<> ReadVocabularyText(const fs::path& file, BertVocabulary& vocabulary) {
  HOSTLER_TRY(const std::string text, os::ReadFile(file, kLongestFile));
  if (!Utf8Length(text)) return Fail(About(file, "is not valid UTF-8"));
  for (std::string_view line : Split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    vocabulary.tokens.emplace_back(line);
  }
  if (!vocabulary.tokens.empty() && vocabulary.tokens.back().empty()) vocabulary.tokens.pop_back();  // what follows the last line
  return {};
}

// Every entry has a text of its own, and those that the model cannot do without are there.
Result<> Complete(const fs::path& file, BertVocabulary& vocabulary, std::size_t size) {
  if (vocabulary.tokens.size() > size) {
    return Fail(About(file, fmt::format("has {} tokens, and config.json says {}", vocabulary.tokens.size(), size),
                      "Use the vocabulary that belongs to the model."));
  }
  vocabulary.tokens.resize(size);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < size; ++i) {
    std::string& token = vocabulary.tokens[i];
    if (token.empty()) token = fmt::format("[unused-{}]", i);
    if (token.find('\0') != std::string::npos || !seen.insert(token).second)
      return Fail(About(file, fmt::format("the token \"{}\" at {} is there twice, or broken", Clip(Printable(token), 80), i)));
  }
  for (const std::string_view special : {"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"}) {
    if (!seen.contains(special)) return Fail(About(file, fmt::format("the token {} is missing", special)));
  }
  return {};
}

}  // namespace

Result<BertConfig> ReadBertConfig(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  HOSTLER_TRY(const ConfigFile found, ReadStruct<ConfigFile>(file));
  HOSTLER_OK(CheckKind(file, found));
  BertConfig config;
  config.distil = found.model_type == "distilbert";
  HOSTLER_TRY(config.vocabulary, Bounded(file, "vocab_size", found.vocab_size, 2'000'000));
  HOSTLER_TRY(config.positions, Bounded(file, "max_position_embeddings", found.max_position_embeddings, 65'536));
  HOSTLER_TRY(config.hidden, Bounded(file, "hidden_size", found.hidden_size ? found.hidden_size : found.dim, 16'384));
  HOSTLER_TRY(config.intermediate,
              Bounded(file, "intermediate_size", found.intermediate_size ? found.intermediate_size : found.hidden_dim, 65'536));
  HOSTLER_TRY(config.layers,
              Bounded(file, "num_hidden_layers", found.num_hidden_layers ? found.num_hidden_layers : found.n_layers, 256));
  HOSTLER_TRY(config.heads,
              Bounded(file, "num_attention_heads", found.num_attention_heads ? found.num_attention_heads : found.n_heads, 1'024));
  if (!config.distil) {
    HOSTLER_TRY(config.types, Bounded(file, "type_vocab_size", found.type_vocab_size.value_or(2), 1'024));
  }
  config.epsilon = static_cast<float>(found.layer_norm_eps.value_or(1e-12));
  if (!(config.epsilon > 0 && config.epsilon < 1)) return Fail(About(file, "layer_norm_eps is out of range"));
  if (config.hidden % config.heads != 0) {
    return Fail(About(file, fmt::format("{} attention heads cannot share a hidden_size of {}", config.heads, config.hidden)));
  }
  return config;
}

bool IsBertFolder(const fs::path& folder) {
  const auto config = ReadStruct<ConfigFile>(folder / "config.json");
  return config && (config->model_type == "bert" || config->model_type == "distilbert");
}

Result<BertVocabulary> ReadBertVocabulary(const fs::path& folder, int size) {
  const fs::path text = folder / "vocab.txt";
  const fs::path tokenizer = folder / "tokenizer.json";
  const fs::path settings = folder / "tokenizer_config.json";
  std::error_code ec;
  const bool has_text = fs::exists(text, ec);
  const bool has_json = fs::exists(tokenizer, ec);
  if (!has_text && !has_json) {
    return Fail(Code::kInvalid, fmt::format("{} has no vocabulary", folder.string()), "It needs vocab.txt or tokenizer.json.");
  }
  BertVocabulary vocabulary;
  if (fs::exists(settings, ec)) {
    HOSTLER_TRY(const TokenizerConfig said, ReadStruct<TokenizerConfig>(settings));
    vocabulary.lowercase = said.do_lower_case.value_or(true);
    vocabulary.strip_accents = said.strip_accents.value_or(vocabulary.lowercase);
  }
  const auto entries = static_cast<std::size_t>(size);
  if (has_text) HOSTLER_OK(ReadVocabularyText(text, vocabulary));
  if (has_json) HOSTLER_OK(ReadTokenizerJson(tokenizer, vocabulary, !has_text, entries));
  HOSTLER_OK(Complete(has_text ? text : tokenizer, vocabulary, entries));
  return vocabulary;
}

}  // namespace hostler::llama
