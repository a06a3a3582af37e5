// The curated catalogue: which models people can be offered, where their files are, what they need, which engine runs them.
// Pure: no disk, no network. The state of a model (on disk, in memory) is found elsewhere by its id.
//
// Built once at start from the providers' lists and the user's own; immutable, any thread.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/model.h"
#include "model/repo.h"

namespace hostler::catalog {

struct Embedding {
  std::optional<int> dimension;
  std::optional<int> max_sequence_length;  // tokens
  std::string pooling_method;              // "mean", "cls", "last_token"; empty: unknown
  bool is_asymmetric = false;
  std::string query_prefix;
  std::string document_prefix;
  std::string default_query_instruction;
  friend bool operator==(const Embedding&, const Embedding&) = default;
};

struct Entry {
  model::ModelId id;
  model::ModelType type = model::ModelType::kEmbedding;
  std::string name;         // for people
  std::string description;  // one line
  std::string provider;     // who brings it: "qwen3", "kokoro", "piper"
  std::string engine;       // the executable that runs it; empty: managed only (downloaded, counted, deleted, never served)
  std::map<std::string, int> memory_mb;  // quantisation -> MB (2^20 bytes)
  std::optional<Embedding> embedding;    // embedding models only
  std::optional<int> context_window;     // LLMs only, tokens

  // Where its files are.
  std::string repository;  // on the hub; never empty once built
  std::string revision = "main";
  model::Selection files;
  std::string path;           // of what lies in models/ by itself: where; it has no repository then, and is always there
  std::string main_file;      // the file that the engine is given, or a pattern of it; empty: the snapshot's folder (MainFile())
  std::uint64_t size_mb = 0;  // of the download, roughly; 0: unknown
  std::string licence;        // SPDX id or the hub's name for it; empty: unknown
  bool gated = false;         // somebody must accept terms on the hub first
  bool is_default = false;    // the default of its type
  std::map<std::string, std::string> voice_aliases;
  json::Any options = json::Any(boost::json::object_kind);  // given to the engine with the load

  std::string conversion_of;  // the id of the model that these files were converted from; empty: they are the authors' own
  std::string source;   // which list it came from: "embedding", "llm", "reranker", "splade", "voice", "gguf", "user", "models"
  bool curated = true;  // false: found in models/
};

// A list of entries from one source; earlier sources have precedence.
struct Source {
  std::string name;
  std::vector<Entry> entries;
};

class Catalogue {
 public:
  // Merges by (id, type), field by field. What belongs to the type (dimension, context …) comes from the entry that knows more of
  // it, everything else from the earlier source; what that leaves empty is filled from the others. Memory is united. At most one
  // default for each type: the earliest source's. What lies in models/ under the name of an entry is what that entry serves, with
  // its own engine. Sorted by (type, name or id), byte-wise.
  explicit Catalogue(std::vector<Source> sources);
  Catalogue() = default;

  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  // The entry with that id (the first of them, if several types share it); null if there is none.
  [[nodiscard]] const Entry* Find(std::string_view id) const;
  [[nodiscard]] const Entry* Find(std::string_view id, model::ModelType type) const;
  [[nodiscard]] std::span<const Entry> OfType(model::ModelType type) const;
  // All entries whose files are in that repository.
  [[nodiscard]] std::vector<const Entry*> InRepository(std::string_view repository) const;
  // Case-insensitive words, all of which must occur in id, name, description, provider or type; best match first.
  [[nodiscard]] std::vector<const Entry*> Search(std::string_view words) const;
  // Who can be served when that id is asked for: the entry itself if an engine runs it, else the first conversion of it that one
  // runs; null if there is none.
  [[nodiscard]] const Entry* Servable(std::string_view id, model::ModelType type) const;
  // The nearest id to a misspelt one, for remedies; empty if nothing is near.
  [[nodiscard]] std::string Nearest(std::string_view id) const;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_id_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_repository_;
};

// Which of a snapshot's files the engine is given: the main file by name, else the first that its pattern picks, of several parts
// the first; empty: the folder itself, or the file is not there yet.
[[nodiscard]] std::string MainFile(const Entry& entry, std::vector<std::string> files);

// What comes with hostler, by source in order of precedence. The user's own source goes before these.
[[nodiscard]] std::vector<Source> BuiltIn();

// The user's own entries, from TOML text ([[model]] tables; docs/models.md says which keys). Errors name `where`:line and key.
[[nodiscard]] Result<Source> ParseUserEntries(std::string_view toml, std::string_view where);

}  // namespace hostler::catalog
