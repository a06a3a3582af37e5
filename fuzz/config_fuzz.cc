// A configuration file of any bytes: it loads or is refused with a message that names the file, and what was loaded can be
// shown and loaded again with the same result.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/config.h"

namespace {

[[noreturn]] void Broken(const std::string& what) {
  std::fprintf(stderr, "config_fuzz: %s\n", what.c_str());
  std::abort();
}

std::filesystem::path File() {
  static const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("config_fuzz." + std::to_string(::getpid()) + ".toml");
  static const bool registered = std::atexit([] { std::filesystem::remove(path); }) == 0;
  static_cast<void>(registered);
  return path;
}

hostler::Result<hostler::config::Loaded> LoadText(const std::string& text) {
  std::ofstream(File(), std::ios::binary) << text;
  return hostler::config::Load(File(), {{"HOME", "/home/x"}}, {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = LoadText(std::string(reinterpret_cast<const char*>(data), size));
  if (!first) {
    if (first.error().message.find(File().string()) == std::string::npos)
      Broken("an error that does not name the file: " + first.error().Text());
    return 0;
  }
  std::string shown;
  for (const auto& setting : first->settings) {
    if (setting.key != "home" && setting.key != "model") shown += setting.key + " = " + setting.value + "\n";
  }
  std::string models;
  for (const auto& setting : first->settings) {
    if (setting.key == "model") models += (models.empty() ? "" : ", ") + setting.value;
  }
  shown += "model = [" + models + "]\n";
  const auto second = LoadText(shown);
  if (!second) Broken("what is shown does not load: " + second.error().Text() + "\n" + shown);
  for (std::size_t i = 0; i < first->settings.size(); ++i) {
    if (first->settings[i].value != second->settings[i].value)
      Broken("shown and loaded again differs: " + first->settings[i].key);
  }
  return 0;
}
