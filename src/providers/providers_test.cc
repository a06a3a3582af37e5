#include "providers/providers.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hostler::providers {
namespace {

const model::Entry* Find(const std::vector<model::Entry>& entries, std::string_view id) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.id == id; });
  return found == entries.end() ? nullptr : &*found;
}

TEST(ProvidersTest, AMissingEngineIsProviderMissingWithTheRemedy) {
  const auto entries = Catalogue({}, "/nonexistent");
  const model::Entry* espeak = Find(entries, "espeak");
  ASSERT_NE(espeak, nullptr);
  EXPECT_EQ(espeak->disk, model::DiskState::kProviderMissing);
  EXPECT_NE(espeak->remedy.find("engines.folder"), std::string::npos);
}

TEST(ProvidersTest, UsersEntriesComeLastAndReplaceByName) {
  config::Config config;
  config.models.push_back({.id = "mine", .engine = "/bin/true"});
  config.models.push_back({.id = "espeak", .description = "my own", .engine = "/bin/true"});
  config.pinned = {"mine"};
  const auto entries = Catalogue(config, "/nonexistent");
  EXPECT_EQ(std::count_if(entries.begin(), entries.end(), [](const auto& entry) { return entry.id == "espeak"; }), 1);
  EXPECT_EQ(Find(entries, "espeak")->description, "my own");
  EXPECT_EQ(Find(entries, "mine")->disk, model::DiskState::kDownloaded);
  EXPECT_TRUE(Find(entries, "mine")->pinned);
}

TEST(ProvidersTest, HabitualNamesBecomeTheDefaultsUnlessTheUserHasThem) {
  config::Config config;
  EXPECT_EQ(ResolveAlias(config, "whisper-1"), "pocketsphinx");
  EXPECT_EQ(ResolveAlias(config, "tts-1"), "espeak");
  EXPECT_EQ(ResolveAlias(config, "other"), "other");
  EXPECT_EQ(ResolveAlias(config, "gpt-4o"), "gpt-4o");  // nothing says which
  config.default_llm = "mine";
  EXPECT_EQ(ResolveAlias(config, "gpt-4o"), "mine");
  config.models.push_back({.id = "tts-1"});
  EXPECT_EQ(ResolveAlias(config, "tts-1"), "tts-1");
}

TEST(ProvidersTest, VoiceAliasesAreTranslated) {
  const auto entries = Catalogue({}, "/nonexistent");
  EXPECT_EQ(ResolveVoice(*Find(entries, "espeak"), "alloy"), "en-us");
  EXPECT_EQ(ResolveVoice(*Find(entries, "espeak"), "de"), "de");
  EXPECT_EQ(ResolveVoice(*Find(entries, "flite"), ""), "");
}

}  // namespace
}  // namespace hostler::providers
