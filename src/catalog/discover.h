// What is this? Guesses type, provider and engine of what lies in models/ from names and the first bytes of a few files. (seed
// 001)
//
// Pure: whoever looks into the folder hands the facts over. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

namespace hostler::catalog {

inline constexpr std::size_t kHeadBytes = 65'536;  // of a file; more of it helps with nothing

// One file or folder, as it was found.
struct Facts {
  std::string name;  // relative to models/, it becomes the id
  bool is_folder = false;
  std::vector<std::string> files;            // of a folder, relative; may be empty for a file by itself
  std::map<std::string, std::string> heads;  // file -> its first bytes, for those that HeadsToRead() names
  std::uint64_t bytes = 0;                   // all together
};

struct Guess {
  std::optional<Entry> entry;  // curated = false, source = "models"; nullopt: not something to list
  std::string why;             // one sentence: what it was taken for and by what, or why it is left out
};

// The files whose first kHeadBytes are worth reading: at most 8.
[[nodiscard]] std::vector<std::string> HeadsToRead(const Facts& facts);

// An entry without an engine is something that hostler can show, but that nothing here can run.
[[nodiscard]] Guess Discover(const Facts& facts);

// Of a folder's files the GGUF that is the model: no projector, of several parts the first, of several quantisations a sensible
// one; empty: there is none.
[[nodiscard]] std::string MainGguf(std::vector<std::string> files);
// By its name: goes with a model, and turns codes into sound, or pictures into tokens.
[[nodiscard]] bool IsProjector(std::string_view file);

}  // namespace hostler::catalog
