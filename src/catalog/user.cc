// The user's own entries: models.toml.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "catalog/catalog.h"
#include "config/fields.h"
#include "config/node.h"

namespace hostler::catalog {
namespace {

using config::Field;
using config::Mismatch;
using config::Node;
using config::Place;
using config::Quoted;

constexpr std::size_t kLongestFile = 8 << 20;
constexpr std::size_t kMostEntries = 20'000;
constexpr std::size_t kMostPatterns = 64;
constexpr std::size_t kMostNames = 100;  // of one table: aliases, quantisations
constexpr std::int64_t kLargest = 1'000'000'000;

// What an entry becomes, and what was said about it that has no member of its own.
struct Draft {
  Entry entry;
  Embedding embedding;
  std::optional<bool> asymmetric;
};

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 200 && config::IsPlainText(text);
}

bool IsPooling(std::string_view text) {
  return text == "mean" || text == "cls" || text == "last_token";
}

// Where a value goes: a member of the entry, or of what it says as an embedding model.
template <std::string Entry::* member, bool (*good)(std::string_view)>
Result<> ReadText(Draft& draft, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr || !good(*text)) return Mismatch();
  draft.entry.*member = *text;
  return {};
}

template <std::string Embedding::* member, bool (*good)(std::string_view)>
Result<> ReadEmbeddingText(Draft& draft, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr || !good(*text)) return Mismatch();
  draft.embedding.*member = *text;
  return {};
}

template <std::optional<int> Embedding::* member>
Result<> ReadEmbeddingNumber(Draft& draft, const Node& node) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (value == nullptr || *value < 1 || *value > kLargest) return Mismatch();
  draft.embedding.*member = static_cast<int>(*value);
  return {};
}

template <bool Entry::* member>
Result<> ReadSwitch(Draft& draft, const Node& node) {
  const auto* value = std::get_if<bool>(&node.value);
  if (value == nullptr) return Mismatch();
  draft.entry.*member = *value;
  return {};
}

Result<> ReadAsymmetric(Draft& draft, const Node& node) {
  const auto* value = std::get_if<bool>(&node.value);
  if (value == nullptr) return Mismatch();
  draft.asymmetric = *value;
  return {};
}

Result<> ReadType(Draft& draft, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  const auto type = text == nullptr ? std::nullopt : json::EnumFromName<model::ModelType>(*text);
  if (!type) return Mismatch();
  draft.entry.type = *type;
  return {};
}

Result<> ReadRepository(Draft& draft, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) return Mismatch();
  HOSTLER_TRY(const model::Repo repo, model::ParseRepo(*text));
  draft.entry.repository = repo.id;
  return {};
}

Result<> ReadContext(Draft& draft, const Node& node) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (value == nullptr || *value < 1 || *value > kLargest) return Mismatch();
  draft.entry.context_window = static_cast<int>(*value);
  return {};
}

Result<> ReadSize(Draft& draft, const Node& node) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (value == nullptr || *value < 0 || *value > kLargest) return Mismatch();
  draft.entry.size_mb = static_cast<std::uint64_t>(*value);
  return {};
}

Result<> ReadMemory(Draft& draft, const Node& node) {
  const auto* table = std::get_if<Node::Table>(&node.value);
  if (table == nullptr || table->size() > kMostNames) return Mismatch();
  for (const auto& [name, value] : *table) {
    const auto* mb = std::get_if<std::int64_t>(&value.value);
    if (!config::IsProvider(name) || mb == nullptr || *mb < 1 || *mb > kLargest) return Mismatch();
    draft.entry.memory_mb[name] = static_cast<int>(*mb);
  }
  return {};
}

Result<> ReadAliases(Draft& draft, const Node& node) {
  const auto* table = std::get_if<Node::Table>(&node.value);
  if (table == nullptr || table->size() > kMostNames) return Mismatch();
  for (const auto& [name, value] : *table) {
    const auto* voice = std::get_if<std::string>(&value.value);
    if (!IsName(name) || voice == nullptr || !IsName(*voice)) return Mismatch();
    draft.entry.voice_aliases[name] = *voice;
  }
  return {};
}

template <std::vector<std::string> model::Selection::* member>
Result<> ReadPatterns(Draft& draft, const Node& node) {
  const auto* list = std::get_if<Node::Array>(&node.value);
  if (list == nullptr || list->empty() || list->size() > kMostPatterns) return Mismatch();
  for (const Node& item : *list) {
    const auto* pattern = std::get_if<std::string>(&item.value);
    if (pattern == nullptr || !IsName(*pattern)) return Mismatch();
    (draft.entry.files.*member).push_back(*pattern);
  }
  return {};
}

Result<> ReadOptions(Draft& draft, const Node& node) {
  if (!std::holds_alternative<Node::Table>(node.value)) return Mismatch();
  HOSTLER_TRY(draft.entry.options, config::ToJsonValue(node));
  return {};
}

// The keys, in the order that docs/models.md lists them.
const std::vector<Field<Draft>>& Fields() {
  using E = Entry;
  using M = Embedding;
  const std::string count = "an integer from 1 to 1000000000";
  const std::string line = "text on one line, at most 4096 bytes";
  static const std::vector<Field<Draft>> fields = {
      {"id", std::string(config::kModelIdRule), ReadText<&E::id, config::IsModelId>},
      {"type", "one of " + Join(json::EnumNames<model::ModelType>(), ", "), ReadType},
      {"name", "text on one line, 1 to 200 bytes", ReadText<&E::name, IsName>},
      {"description", line, ReadText<&E::description, config::IsPlainText>},
      {"provider", "a name of letters, digits, dots, dashes and underscores", ReadText<&E::provider, config::IsProvider>},
      {"engine", "\"llama-server\", the name of an engine like \"hostler-engine-x\", or an absolute path",
       ReadText<&E::engine, config::IsEngine>},
      {"repository", "a repository of the hub, like \"owner/name\"", ReadRepository},
      {"revision", "a branch, tag or commit", ReadText<&E::revision, model::IsRevision>},
      {"files", "a list of 1 to 64 patterns", ReadPatterns<&model::Selection::include>},
      {"exclude", "a list of 1 to 64 patterns", ReadPatterns<&model::Selection::exclude>},
      {"main_file", "a file of the repository, or a pattern of one", ReadText<&E::main_file, model::IsFilePath>},
      {"size_mb", "an integer from 0 to 1000000000", ReadSize},
      {"memory_mb", "a table of integers, like { int8 = 600 }", ReadMemory},
      {"licence", "text on one line, 1 to 200 bytes", ReadText<&E::licence, IsName>},
      {"gated", "true or false", ReadSwitch<&E::gated>},
      {"default", "true or false", ReadSwitch<&E::is_default>},
      {"conversion_of", std::string(config::kModelIdRule), ReadText<&E::conversion_of, config::IsModelId>},
      {"options", "a table", ReadOptions},
      {"voice_aliases", "a table of names, like { alloy = \"af_heart\" }", ReadAliases},
      {"context_window", count, ReadContext},
      {"dimension", count, ReadEmbeddingNumber<&M::dimension>},
      {"max_sequence_length", count, ReadEmbeddingNumber<&M::max_sequence_length>},
      {"pooling_method", "one of mean, cls, last_token", ReadEmbeddingText<&M::pooling_method, IsPooling>},
      {"is_asymmetric", "true or false", ReadAsymmetric},
      {"query_prefix", line, ReadEmbeddingText<&M::query_prefix, config::IsPlainText>},
      {"document_prefix", line, ReadEmbeddingText<&M::document_prefix, config::IsPlainText>},
      {"default_query_instruction", line, ReadEmbeddingText<&M::default_query_instruction, config::IsPlainText>},
  };
  return fields;
}

// Keys that say something about models of one type only.
struct OwnKeys {
  model::ModelType type;
  std::set<std::string_view> keys;
};

Result<> CheckKeysOfTypes(const Draft& draft, const Node& node, const Place& place) {
  static const std::vector<OwnKeys> own = {
      {model::ModelType::kEmbedding,
       {"dimension", "max_sequence_length", "pooling_method", "is_asymmetric", "query_prefix", "document_prefix",
        "default_query_instruction"}},
      {model::ModelType::kLlm, {"context_window"}},
      {model::ModelType::kTts, {"voice_aliases"}},
  };
  for (const auto& [key, value] : std::get<Node::Table>(node.value)) {
    for (const OwnKeys& each : own) {
      if (draft.entry.type == each.type || !each.keys.contains(key)) continue;
      const std::string type = json::EnumName(each.type);
      return Fail(Code::kInvalid,
                  fmt::format("{}:{}: model.{}: only for models of type {}, and {} is of type {}", place.file, value.line, key,
                              type, Quoted(draft.entry.id), json::EnumName(draft.entry.type)),
                  fmt::format("Remove the line, or write type = \"{}\".", type));
    }
  }
  return {};
}

Result<Entry> ReadEntry(const Node& node, const Place& place) {
  Draft draft;
  HOSTLER_OK(config::ReadFields(draft, node, Fields(), place));
  HOSTLER_OK(config::RequireKeys(node, {"id", "type"}, place, draft.entry.id));
  HOSTLER_OK(CheckKeysOfTypes(draft, node, place));
  Entry& entry = draft.entry;
  // The id is where the files are, unless something else is said; so it has to be possible.
  if (entry.repository.empty() && !model::ParseRepo(entry.id)) {
    return Fail(
        Code::kInvalid,
        fmt::format("{}:{}: model.repository: missing; {} is no repository by itself", place.file, node.line, Quoted(entry.id)),
        "Say where its files are, like repository = \"owner/name\".");
  }
  if (entry.type == model::ModelType::kEmbedding) {
    Embedding& embedding = draft.embedding;
    const bool told =
        !embedding.query_prefix.empty() || !embedding.document_prefix.empty() || !embedding.default_query_instruction.empty();
    embedding.is_asymmetric = draft.asymmetric.value_or(told);
    entry.embedding = embedding;
  }
  entry.source = "user";
  return std::move(entry);
}

Result<std::vector<Entry>> ReadEntries(const Node& node, const Place& place) {
  HOSTLER_TRY(const auto tables, config::Tables(node, place));
  if (tables.size() > kMostEntries)
    return Fail(Code::kTooLarge, fmt::format("{}: {} models; at most {} can be read", place.file, tables.size(), kMostEntries),
                "Remove those that you do not need.");
  std::vector<Entry> entries;
  std::map<std::pair<std::string, model::ModelType>, int> lines;
  for (const Node* table : tables) {
    HOSTLER_TRY(Entry entry, ReadEntry(*table, place));
    const auto [same, added] = lines.try_emplace({entry.id, entry.type}, table->line);
    if (!added)
      return Fail(Code::kInvalid,
                  fmt::format("{}:{}: model.id: {} of type {} is already there, on line {}", place.file, table->line,
                              Quoted(entry.id), json::EnumName(entry.type), same->second),
                  "Give each [[model]] an id of its own.");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Result<Source> ParseUserEntries(std::string_view toml, std::string_view where) {
  const Place place{std::string(where), "model"};
  if (toml.size() > kLongestFile)
    return Fail(Code::kTooLarge, fmt::format("{}: more than 8 MB", where), "Keep the list of models below 8 MB.");
  HOSTLER_TRY(const Node root, config::ParseToml(toml, place.file));
  Source source{"user", {}};
  for (const auto& [name, node] : std::get<Node::Table>(root.value)) {
    if (name != "model")
      return Fail(Code::kInvalid, fmt::format("{}:{}: {}: unknown key; the file lists models only", where, node.line, name),
                  "Write [[model]], and put what is set about hostler itself into hostler.toml.");
    HOSTLER_TRY(source.entries, ReadEntries(node, place));
  }
  return source;
}

}  // namespace hostler::catalog
