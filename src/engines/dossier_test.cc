#include "engines/dossier.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::engines {
namespace {

class DossierTest : public testing::Test {
 protected:
  DossierTest() : folder_(std::filesystem::temp_directory_path() / ("dossier-" + RandomHex(12))) {}
  ~DossierTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  DossierStore store_{folder_};
};

std::string Id(std::size_t number) {
  return fmt::format("2026-01-15T10-{:02}-{:02}-m", number / 60, number % 60);
}

TEST_F(DossierTest, KeepsWhatIsKnownAndFindsItAgain) {
  Dossier dossier{.id = "2026-01-15T10-30-45-kokoro-1f3a", .model = "kokoro", .reason = "signal 11 (SIGSEGV)"};
  dossier.exit = ExitFact{true, 11, "signal 11 (SIGSEGV)"};
  dossier.last_lines = {"one", "two"};
  ASSERT_TRUE(store_.Save(dossier));
  const auto read = store_.Read(dossier.id);
  ASSERT_TRUE(read) << read.error().Text();
  EXPECT_EQ(json::ToJson(*read), json::ToJson(dossier));
}

TEST_F(DossierTest, IdsCannotLeaveTheFolder) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_.parent_path() / "secret.json") << "{}";
  for (const char* id : {"../secret", "a/../../secret", "", ".hidden", "none"}) {
    const auto read = store_.Read(id);
    ASSERT_FALSE(read) << id;
    EXPECT_EQ(read.error().code, Code::kNotFound);
  }
  std::filesystem::remove(folder_.parent_path() / "secret.json");
}

// The folder is the user's: what others put there is neither removed nor opened (a pipe would never end).
TEST_F(DossierTest, LeavesAloneWhatItDidNotMake) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ / "notes.json") << "mine";
  std::ofstream(folder_ / "zz.json") << "mine";
  ASSERT_EQ(::mkfifo((folder_ / "2027-01-15T10-30-45-pipe.json").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/zero", folder_ / "2027-01-15T10-30-45-link.json");
  for (std::size_t i = 0; i < DossierStore::kKept + 1; ++i) ASSERT_TRUE(store_.Save({.id = Id(i), .model = "m"}));
  EXPECT_EQ(store_.List().size(), DossierStore::kKept);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "notes.json"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "zz.json"));
  EXPECT_FALSE(store_.Read("2027-01-15T10-30-45-pipe"));
  EXPECT_FALSE(store_.Read("2027-01-15T10-30-45-link"));
}

TEST_F(DossierTest, ListsNewestFirstDropsTheOldestAndSurvivesJunk) {
  for (std::size_t i = 0; i < DossierStore::kKept + 5; ++i) ASSERT_TRUE(store_.Save({.id = Id(i), .model = "m"}));
  std::ofstream(folder_ / "2027-01-15T10-30-45-junk.json") << "not json";
  const auto list = store_.List();
  EXPECT_EQ(list.size(), DossierStore::kKept);
  EXPECT_EQ(list.front().id, Id(DossierStore::kKept + 4));
}

}  // namespace
}  // namespace hostler::engines
