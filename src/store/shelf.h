// The models/ folder (seed 001): what engines read. Complete downloads are linked in by name; what lies there by itself is found.
//
// Threads: any; everything here blocks on the disk: call it on a pool.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace hostler::store {

struct ShelfItem {
  std::string name;            // relative to the folder: `kokoro`, `Qwen/Qwen3-Embedding-0.6B-GGUF`
  std::filesystem::path path;  // resolved
  bool is_link = false;        // made by Link(), into the cache or external_models/
  bool is_folder = false;
  std::vector<std::string> files;  // of a folder, at most 200 names, relative
  std::uint64_t bytes = 0;
};

class Shelf {
 public:
  // `base`/models, `base`/external_models; links may lead into these and into `cache_root`, nowhere else.
  Shelf(std::filesystem::path base, std::filesystem::path cache_root);
  [[nodiscard]] std::filesystem::path models() const;
  // Replaces an older link of ours; leaves what is no link alone (baked-in wins) and says so with kConflict.
  [[nodiscard]] Result<> Link(const std::string& name, const std::filesystem::path& target) const;
  // Removes the link of that name, if it is one of ours.
  [[nodiscard]] Result<> Unlink(const std::string& name) const;
  // What is there, and sentences about what was passed over (dangling, leading outside).
  [[nodiscard]] std::vector<ShelfItem> List(std::vector<std::string>* passed_over) const;
  // Links what lies in external_models/ and has no namesake in models/.
  [[nodiscard]] Result<> LinkExternal() const;

 private:
  std::filesystem::path base_;
  std::filesystem::path cache_root_;
};

}  // namespace hostler::store
