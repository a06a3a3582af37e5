// Reads what a GGUF file says about itself, from its first bytes. Format:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// The bytes may come from anywhere: counts and lengths are believed only as far as there are bytes for them, and work and memory
// are bounded by the size of the input. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::catalog {

struct GgufHeader {
  std::uint32_t version = 0;
  std::uint64_t tensor_count = 0;               // as the file claims
  std::map<std::string, std::string> texts;     // string values by key, each cut at 512 bytes
  std::map<std::string, std::int64_t> numbers;  // whole numbers and truth values by key
  std::map<std::string, std::uint64_t> arrays;  // how many items, by key; their contents are passed over
  std::vector<std::string> tensors;             // names
  bool complete = false;                        // false: the bytes ended before the header did; the above is its beginning

  [[nodiscard]] std::string Text(const std::string& key) const;  // empty if there is none
  [[nodiscard]] std::optional<std::int64_t> Number(const std::string& key) const;
  // The value of `architecture.KEY`, as in `bert.pooling_type`.
  [[nodiscard]] std::optional<std::int64_t> OfArchitecture(const std::string& key) const;
};

// kInvalid, with what is wrong, for what is no GGUF file or a broken one; kUnsupported for a version that is not read.
[[nodiscard]] Result<GgufHeader> ReadGgufHeader(std::string_view bytes);

// What the model in a file is for, as its header says.
enum class GgufPurpose {
  kUnknown,    // the header names no architecture
  kLanguage,   // goes on with a text: chats, if it was taught to
  kEmbedding,  // makes one vector of a text
  kReranker,   // has a head that scores
  kImage,      // makes pictures
  kProjector,  // a part: turns pictures or sound into a model's tokens, or back
  kAdapter,    // a part: changes a model (LoRA)
};
[[nodiscard]] GgufPurpose PurposeOf(const GgufHeader& header);

// How the vectors of a text's tokens become one: "mean", "cls", "last_token"; empty: the header does not say, or they do not.
[[nodiscard]] std::string PoolingOf(const GgufHeader& header);

}  // namespace hostler::catalog
