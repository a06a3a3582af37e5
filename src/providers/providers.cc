#include "providers/providers.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "providers/classic.h"

namespace hostler::providers {
namespace {

using model::DiskState;

std::filesystem::path ProgramOf(const model::Entry& entry, const std::filesystem::path& engines_folder) {
  return entry.engine.starts_with('/') ? std::filesystem::path(entry.engine) : engines_folder / entry.engine;
}

bool IsPinned(const config::Config& config, const model::ModelId& id) {
  return std::find(config.pinned.begin(), config.pinned.end(), id) != config.pinned.end();
}

// Where the entry stands, seen from what is built and installed.
void Judge(model::Entry& entry, bool built, const std::filesystem::path& engines_folder) {
  if (!built) {
    entry.disk = DiskState::kProviderMissing;
    entry.remedy = MissingRemedy(entry);
    return;
  }
  const std::filesystem::path program = ProgramOf(entry, engines_folder);
  if (::access(program.c_str(), X_OK) == 0) return;
  entry.disk = DiskState::kProviderMissing;
  entry.remedy =
      fmt::format("The engine {} is not there or cannot be run: install it or set engines.folder, then start hostler again.",
                  program.string());
}

const std::map<std::string, model::ModelType>& AliasTable() {
  static const std::map<std::string, model::ModelType> table = {
      {"tts-1", model::ModelType::kTts},
      {"tts-1-hd", model::ModelType::kTts},
      {"gpt-4o-mini-tts", model::ModelType::kTts},
      {"whisper-1", model::ModelType::kStt},
      {"gpt-4o-transcribe", model::ModelType::kStt},
      {"gpt-4o-mini-transcribe", model::ModelType::kStt},
      {"gpt-4o", model::ModelType::kLlm},
      {"gpt-4o-mini", model::ModelType::kLlm},
  };
  return table;
}

}  // namespace

bool IsBuilt(std::string_view key) {
  static const std::vector<std::string_view> built = Split(HOSTLER_BUILT_PROVIDERS, ',');  // "espeak,flite,kokoro"
  static const std::vector<std::string_view> all = Split(HOSTLER_ALL_PROVIDERS, ',');
  const auto among = [&](const auto& list) { return std::find(list.begin(), list.end(), key) != list.end(); };
  return among(built) || !among(all);
}

std::vector<Provider> BuiltInProviders() {
  return ClassicProviders();
}

std::vector<model::Entry> Catalogue(const config::Config& config, const std::filesystem::path& engines_folder) {
  std::vector<model::Entry> entries;
  for (Provider& provider : BuiltInProviders()) {
    for (model::Entry& entry : provider.models) {
      Judge(entry, provider.built, engines_folder);
      entries.push_back(std::move(entry));
    }
  }
  for (model::Entry entry : config.models) {
    entry.disk = DiskState::kDownloaded;
    Judge(entry, true, engines_folder);
    std::erase_if(entries, [&](const model::Entry& known) { return known.id == entry.id; });
    entries.push_back(std::move(entry));
  }
  for (model::Entry& entry : entries) {
    if (IsPinned(config, entry.id)) entry.pinned = true;
  }
  return entries;
}

void AddServable(std::vector<model::Entry>& entries, const std::vector<model::Entry>& more, const config::Config& config,
                 const std::filesystem::path& engines_folder) {
  std::set<model::ModelId> taken;
  for (const model::Entry& entry : entries) taken.insert(entry.id);
  for (const model::Entry& entry : more) {
    if (entry.engine.empty() || !IsBuilt(entry.provider) || ::access(ProgramOf(entry, engines_folder).c_str(), X_OK) != 0)
      continue;
    if (!taken.insert(entry.id).second) continue;
    entries.push_back(entry);
    entries.back().pinned = IsPinned(config, entry.id);
  }
}

std::string MissingRemedy(const model::Entry& entry) {
  if (entry.engine.empty())
    return "No engine of hostler runs it; hostler downloads, counts and deletes it for other programs that use the same cache.";
  return fmt::format(
      "Provider not installed: rebuild hostler with HOSTLER_PROVIDERS (the image with BAKED_PROVIDERS) including {}.",
      entry.provider);
}

model::ModelId ResolveAlias(const config::Config& config, const model::ModelId& id) {
  for (const model::Entry& entry : config.models) {
    if (entry.id == id) return id;  // the user's own names win
  }
  const auto found = AliasTable().find(id);
  if (found == AliasTable().end()) return id;
  if (found->second == model::ModelType::kLlm) return config.default_llm.empty() ? id : config.default_llm;
  return found->second == model::ModelType::kTts ? config.default_tts : config.default_stt;
}

std::string ResolveVoice(const model::Entry& entry, const std::string& voice) {
  const auto found = entry.voice_aliases.find(voice);
  return found == entry.voice_aliases.end() ? voice : found->second;
}

}  // namespace hostler::providers
