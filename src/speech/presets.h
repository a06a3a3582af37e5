// Voices under a name of their own: which voice, how fast, said to be what. From a file of [[preset]] tables.
//
// Pure functions over a file; any thread. Blocks on the disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hostler::speech {

struct Preset {
  std::string name;
  std::string voice;
  std::optional<std::string> model;
  double speed = 1;
  std::string description;
};

// None if `file` is empty. Errors name line and key.
[[nodiscard]] Result<std::vector<Preset>> ReadPresets(const std::filesystem::path& file);

}  // namespace hostler::speech
