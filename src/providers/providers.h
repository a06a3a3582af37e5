// Which models there are: each provider's own list, and what the user adds in the configuration.
//
// Pure functions over the configuration and the build; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/model.h"

namespace hostler::providers {

// One engine family's models. Built in or not is decided when hostler is built (HOSTLER_PROVIDERS).
struct Provider {
  std::string key;  // "espeak"
  bool built = false;
  std::vector<model::Entry> models;
};
[[nodiscard]] std::vector<Provider> BuiltInProviders();
// Was that provider chosen when hostler was built? One that hostler knows nothing of (a user's own) always is.
[[nodiscard]] bool IsBuilt(std::string_view key);

// Every model with its state on disk, providers' first, then the user's. A user's entry with a provider's id replaces it.
// `engines_folder`: an entry whose engine is not there is provider_missing, with the remedy.
[[nodiscard]] std::vector<model::Entry> Catalogue(const config::Config& config, const std::filesystem::path& engines_folder);

// Adds those of `more` whose provider is built, whose engine's program is in `engines_folder` and whose id is not taken.
void AddServable(std::vector<model::Entry>& entries, const std::vector<model::Entry>& more, const config::Config& config,
                 const std::filesystem::path& engines_folder);

// Why a model cannot be loaded here, and what would help.
[[nodiscard]] std::string MissingRemedy(const model::Entry& entry);

// What clients call models by habit: whisper-1, tts-1 … become the configured defaults; everything else stays as it is.
[[nodiscard]] model::ModelId ResolveAlias(const config::Config& config, const model::ModelId& id);

// The voice as the model knows it: OpenAI's names are translated, empty stays empty.
[[nodiscard]] std::string ResolveVoice(const model::Entry& entry, const std::string& voice);

}  // namespace hostler::providers
