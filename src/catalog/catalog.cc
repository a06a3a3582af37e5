#include "catalog/catalog.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "catalog/data/tables.h"

namespace hostler::catalog {
namespace {

constexpr std::size_t kLongestSearch = 200;  // bytes

const std::string& ShownName(const Entry& entry) {
  return entry.name.empty() ? entry.id : entry.name;
}

bool HasPrefixes(const Embedding& embedding) {
  return embedding.is_asymmetric || !embedding.query_prefix.empty() || !embedding.document_prefix.empty() ||
         !embedding.default_query_instruction.empty();
}

// How much an entry knows of what belongs to its type.
int Richness(const Entry& entry) {
  int known = entry.context_window.has_value() ? 1 : 0;
  if (const auto& embedding = entry.embedding) {
    known += embedding->dimension.has_value() + embedding->max_sequence_length.has_value();
    known += !embedding->pooling_method.empty() + HasPrefixes(*embedding);
  }
  return known;
}

void Fill(std::string& into, const std::string& from) {
  if (into.empty()) into = from;
}

template <class T>
void Fill(std::optional<T>& into, const std::optional<T>& from) {
  if (!into) into = from;
}

void FillEmbedding(Embedding& into, const Embedding& from) {
  Fill(into.dimension, from.dimension);
  Fill(into.max_sequence_length, from.max_sequence_length);
  Fill(into.pooling_method, from.pooling_method);
  // These only make sense together.
  if (HasPrefixes(into)) return;
  into.is_asymmetric = from.is_asymmetric;
  into.query_prefix = from.query_prefix;
  into.document_prefix = from.document_prefix;
  into.default_query_instruction = from.default_query_instruction;
}

// What belongs to the type.
void FillDetails(Entry& into, const Entry& from) {
  Fill(into.context_window, from.context_window);
  if (!from.embedding) return;
  if (!into.embedding) into.embedding.emplace();
  FillEmbedding(*into.embedding, *from.embedding);
}

// Where the files are. Revisions and patterns say something about one repository only.
void FillPlace(Entry& into, const Entry& from) {
  if (!into.repository.empty() && into.repository != from.repository) return;
  into.repository = from.repository;
  into.gated = into.gated || from.gated;
  if (into.revision == Entry().revision) into.revision = from.revision;
  if (!into.files.IsAll()) return;  // the other's main file and size belong to the other's patterns
  into.files = from.files;
  Fill(into.main_file, from.main_file);
  if (into.size_mb == 0) into.size_mb = from.size_mb;
}

// What lies in models/ under the name of another entry is what is meant by that name, whatever else could be downloaded: its
// files are there, and they say which engine runs them.
void TakeWhatIsThere(Entry& into, const Entry& from) {
  if (from.path.empty() || !into.path.empty()) return;
  into.path = from.path;
  if (into.source == "user") return;  // who says so knows best
  into.main_file = from.main_file;
  into.size_mb = from.size_mb;
  into.provider = from.provider;
  into.engine = from.engine;
}

// Everything else.
void FillRest(Entry& into, const Entry& from) {
  Fill(into.name, from.name);
  Fill(into.description, from.description);
  Fill(into.provider, from.provider);
  Fill(into.engine, from.engine);
  into.memory_mb.insert(from.memory_mb.begin(), from.memory_mb.end());
  FillPlace(into, from);
  TakeWhatIsThere(into, from);
  Fill(into.licence, from.licence);
  Fill(into.conversion_of, from.conversion_of);
  into.is_default = into.is_default || from.is_default;
  into.curated = into.curated || from.curated;
  if (into.voice_aliases.empty()) into.voice_aliases = from.voice_aliases;
  if (from.options.is_object() && into.options.is_object()) {
    for (const auto& option : from.options.get_object()) into.options.get_object().insert(option);  // what is there stays
  }
}

// `same`: entries with one id and type, in order of precedence.
Entry Merge(std::vector<Entry> same) {
  std::vector<const Entry*> by_richness;
  for (const Entry& entry : same) by_richness.push_back(&entry);
  std::stable_sort(by_richness.begin(), by_richness.end(),
                   [](const Entry* a, const Entry* b) { return Richness(*a) > Richness(*b); });
  Entry merged = same.front();
  merged.embedding.reset();
  merged.context_window.reset();
  for (const Entry* entry : by_richness) FillDetails(merged, *entry);
  for (std::size_t i = 1; i < same.size(); ++i) FillRest(merged, same[i]);
  if (merged.repository.empty()) merged.repository = merged.id;
  return merged;
}

// The lower, the better; a word that occurs nowhere: nullopt.
std::optional<int> Distance(const Entry& entry, const std::string& word) {
  const std::string id = Lower(entry.id);
  const std::string name = Lower(entry.name);
  if (id == word || name == word) return 0;
  if (id.starts_with(word) || id.find("/" + word) != std::string::npos || name.starts_with(word)) return 1;
  if (id.find(word) != std::string::npos || name.find(word) != std::string::npos) return 2;
  if (Lower(entry.provider).find(word) != std::string::npos) return 3;
  if (json::EnumName(entry.type).find(word) != std::string::npos) return 3;
  if (Lower(entry.description).find(word) != std::string::npos) return 5;
  return std::nullopt;
}

// Goes with a model, and is never the model itself.
bool IsCompanion(std::string_view file) {
  return Lower(file).find("mmproj") != std::string::npos;
}

}  // namespace

Catalogue::Catalogue(std::vector<Source> sources) {
  std::map<std::pair<std::string, model::ModelType>, std::vector<Entry>> groups;
  std::map<model::ModelType, std::string> defaults;  // the first source that names one is right
  for (Source& source : sources) {
    for (Entry& entry : source.entries) {
      if (entry.source.empty()) entry.source = source.name;
      if (entry.is_default) defaults.try_emplace(entry.type, entry.id);
      auto key = std::make_pair(entry.id, entry.type);
      groups[std::move(key)].push_back(std::move(entry));
    }
  }
  for (auto& [key, same] : groups) {
    Entry entry = Merge(std::move(same));
    entry.is_default = entry.is_default && defaults[entry.type] == entry.id;
    entries_.push_back(std::move(entry));
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    if (a.type != b.type) return json::EnumName(a.type) < json::EnumName(b.type);
    return std::tie(ShownName(a), a.id) < std::tie(ShownName(b), b.id);
  });
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    by_id_[entries_[i].id].push_back(i);
    by_repository_[entries_[i].repository].push_back(i);
  }
}

const Entry* Catalogue::Find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &entries_[found->second.front()];
}

const Entry* Catalogue::Find(std::string_view id, model::ModelType type) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  for (const std::size_t i : found->second) {
    if (entries_[i].type == type) return &entries_[i];
  }
  return nullptr;
}

std::span<const Entry> Catalogue::OfType(model::ModelType type) const {
  const auto is_type = [&](const Entry& entry) { return entry.type == type; };
  const auto first = std::find_if(entries_.begin(), entries_.end(), is_type);
  const auto last = std::find_if_not(first, entries_.end(), is_type);
  return {first, last};
}

std::vector<const Entry*> Catalogue::InRepository(std::string_view repository) const {
  std::vector<const Entry*> found;
  const auto at = by_repository_.find(repository);
  if (at == by_repository_.end()) return found;
  for (const std::size_t i : at->second) found.push_back(&entries_[i]);
  return found;
}

std::vector<const Entry*> Catalogue::Search(std::string_view words) const {
  const std::string asked = Lower(words.substr(0, kLongestSearch));
  std::set<std::string> distinct;
  for (const std::string_view word : Split(asked, ' ')) {
    if (!Trim(word).empty()) distinct.emplace(Trim(word));
  }
  std::vector<std::pair<int, const Entry*>> found;
  for (const Entry& entry : entries_) {
    int sum = 0;
    bool all = true;
    for (const std::string& word : distinct) {
      const auto distance = Distance(entry, word);
      all = all && distance.has_value();
      sum += distance.value_or(0);
    }
    if (all) found.emplace_back(sum, &entry);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const Entry*> entries;
  for (const auto& [distance, entry] : found) entries.push_back(entry);
  return entries;
}

const Entry* Catalogue::Servable(std::string_view id, model::ModelType type) const {
  const Entry* entry = Find(id, type);
  if (entry == nullptr || !entry->engine.empty()) return entry;
  const auto of_type = OfType(type);
  const auto found = std::find_if(of_type.begin(), of_type.end(),
                                  [&](const Entry& each) { return each.conversion_of == id && !each.engine.empty(); });
  return found == of_type.end() ? nullptr : &*found;
}

std::string Catalogue::Nearest(std::string_view id) const {
  std::vector<std::string> ids;
  std::vector<std::string> segments;  // people leave the owner out
  for (const Entry& entry : entries_) {
    ids.push_back(entry.id);
    segments.push_back(data::LastSegment(entry.id));
  }
  if (id.find('/') == std::string_view::npos) {
    const std::string segment = hostler::Nearest(id, segments);
    const auto at = std::find(segments.begin(), segments.end(), segment);
    if (!segment.empty()) return ids[static_cast<std::size_t>(at - segments.begin())];
  }
  return hostler::Nearest(id, ids);
}

std::string MainFile(const Entry& entry, std::vector<std::string> files) {
  if (entry.main_file.empty()) return {};
  if (std::find(files.begin(), files.end(), entry.main_file) != files.end()) return entry.main_file;
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    if (model::Matches(entry.main_file, file) && !IsCompanion(file)) return file;
  }
  return {};
}

std::vector<Source> BuiltIn() {
  return {{"embedding", data::EmbeddingModels()}, {"llm", data::LanguageModels()}, {"reranker", data::Rerankers()},
          {"splade", data::SpladeModels()},       {"voice", data::VoiceModels()},  {"gguf", data::GgufModels()}};
}

}  // namespace hostler::catalog
