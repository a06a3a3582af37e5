// The lists that come with hostler: one function for each file beside this one. docs/models.md says where their facts come from.
//
// Internal to this room. Each call makes a new list; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

namespace hostler::catalog::data {

[[nodiscard]] std::vector<Entry> EmbeddingModels();
[[nodiscard]] std::vector<Entry> LanguageModels();
[[nodiscard]] std::vector<Entry> Rerankers();
[[nodiscard]] std::vector<Entry> SpladeModels();
[[nodiscard]] std::vector<Entry> VoiceModels();
[[nodiscard]] std::vector<Entry> GgufModels();

// Whose files no engine here reads: hostler keeps them for other programs.
inline constexpr std::string_view kManagedOnly = "huggingface";
inline constexpr bool kGated = true;

inline constexpr std::string_view kLlamaServer = "llama-server";
inline constexpr std::string_view kLlamaEngine = "hostler-engine-llama";
inline constexpr std::string_view kWhisperEngine = "hostler-engine-whisper";
inline constexpr std::string_view kSherpaEngine = "hostler-engine-sherpa";

// MB (2^20 bytes) by quantisation; 0: not known.
struct Memory {
  int float32 = 0;
  int float16 = 0;
  int int8 = 0;
  int int4 = 0;
};

[[nodiscard]] inline std::map<std::string, int> ToMap(const Memory& memory) {
  std::map<std::string, int> map;
  if (memory.float32 > 0) map["float32"] = memory.float32;
  if (memory.float16 > 0) map["float16"] = memory.float16;
  if (memory.int8 > 0) map["int8"] = memory.int8;
  if (memory.int4 > 0) map["int4"] = memory.int4;
  return map;
}

// What OpenAI's names of voices mean to a model of that provider: kokoro has voices for each of them, of others it is the first
// one. Empty for providers that bring no such models.
[[nodiscard]] std::map<std::string, std::string> VoiceAliases(std::string_view provider);

// How a model wants to be told a query from a document.
enum class Prefix {
  kNone,         // it makes no difference
  kInstruction,  // a sentence about the task goes before the query
  kE5,           // query: / passage:
  kNomic,        // search_query: / search_document:
  kBge,          // a sentence before the query only
};

[[nodiscard]] Embedding MakeEmbedding(int dimension, int max_sequence_length, std::string_view pooling, Prefix prefix);

// What follows the last "/".
[[nodiscard]] inline std::string LastSegment(std::string_view id) {
  return std::string(id.substr(id.rfind('/') + 1));  // npos + 1 is 0
}

}  // namespace hostler::catalog::data
