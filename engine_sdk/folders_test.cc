#include "engine_sdk/folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine_sdk/testing/harness.h"

namespace hostler::engine_sdk {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class FoldersTest : public ::testing::Test {
 protected:
  FoldersTest() {
    fs::create_directories(base / "models");
    fs::create_directories(base / "external_models");
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& found : folders.Scan()) names.push_back(found.name);
    return names;
  }
  bool Said(const std::string& text) {
    for (const auto& [id, line, kept] : log.ring().Read(0).entries) {
      if (line->message.find(text) != std::string::npos) return true;
    }
    return false;
  }

  testing::TempFolder temp;
  const fs::path base = temp.path() / "base";
  log::Log log{"test", log::Level::kDebug, false};
  Folders folders{base, log};
};

TEST_F(FoldersTest, MakesWhatIsMissing) {
  fs::remove_all(base);
  folders.Prepare();
  EXPECT_TRUE(fs::is_directory(base / "models"));
  EXPECT_TRUE(fs::is_directory(base / "external_models"));
  EXPECT_TRUE(fs::is_directory(base / "samples"));
}

TEST_F(FoldersTest, AFolderThatCannotBeMadeIsAWarning) {
  Folders impossible("/proc/nowhere", log);
  impossible.Prepare();
  EXPECT_TRUE(Said("Cannot make /proc/nowhere/models"));
  EXPECT_TRUE(impossible.Scan().empty());
}

TEST_F(FoldersTest, BakedInModelsWin) {
  fs::create_directories(base / "models/default");
  fs::create_directories(base / "external_models/default");
  fs::create_directories(base / "external_models/custom");
  folders.Prepare();
  EXPECT_FALSE(fs::is_symlink(base / "models/default"));
  EXPECT_TRUE(fs::is_symlink(base / "models/custom"));
  EXPECT_TRUE(Said("Kept baked-in model default"));
  EXPECT_TRUE(Said("Linked external model custom"));
  EXPECT_THAT(Names(), ElementsAre("custom", "default"));
  EXPECT_EQ(*folders.Resolve("default", {}), fs::canonical(base / "models/default"));
  EXPECT_EQ(*folders.Resolve("custom", {}), fs::canonical(base / "external_models/custom"));
}

TEST_F(FoldersTest, StaleLinksGoAndOtherDanglingOnesAreSkipped) {
  fs::create_symlink(base / "external_models/gone", base / "models/gone");
  fs::create_symlink("/nowhere/at/all", base / "models/lost");
  folders.Prepare();
  EXPECT_FALSE(fs::is_symlink(base / "models/gone"));
  EXPECT_TRUE(fs::is_symlink(base / "models/lost"));
  EXPECT_TRUE(Said("Skipped model lost"));
  EXPECT_TRUE(Names().empty());
  EXPECT_EQ(folders.Resolve("lost", {}).error().code, Code::kNotFound);
}

TEST_F(FoldersTest, NothingLeadsOutside) {
  fs::create_directories(temp.path() / "secret");
  fs::create_symlink(temp.path() / "secret", base / "models/out");
  fs::create_symlink(temp.path() / "secret", base / "external_models/away");
  folders.Prepare();
  EXPECT_FALSE(fs::is_symlink(base / "models/away"));
  EXPECT_TRUE(Names().empty());
  EXPECT_EQ(folders.Resolve("out", {}).error().code, Code::kForbidden);
  EXPECT_EQ(folders.Resolve("away", {}).error().code, Code::kForbidden);
  EXPECT_EQ(folders.Resolve("..", {}).error().code, Code::kForbidden);
  EXPECT_EQ(folders.Resolve("a/../../secret", {}).error().code, Code::kForbidden);
  EXPECT_EQ(folders.Resolve("x", "/etc").error().code, Code::kForbidden);
  EXPECT_EQ(folders.Resolve("x", "../secret").error().code, Code::kForbidden);
}

TEST_F(FoldersTest, AModelThatComesLaterIsLinkedWhenItIsAskedFor) {
  folders.Prepare();
  EXPECT_EQ(folders.Resolve("late", {}).error().code, Code::kNotFound);
  fs::create_directories(base / "external_models/late");
  EXPECT_TRUE(folders.Resolve("late", {}));
  EXPECT_THAT(Names(), ElementsAre("late"));
  EXPECT_EQ(folders.Resolve("lote", {}).error().remedy, "Did you mean \"late\"?");
}

TEST_F(FoldersTest, AChildTakesThePathThatItIsGiven) {
  Folders child({}, log);
  child.Prepare();
  EXPECT_EQ(*child.Resolve("any", temp.path()), temp.path());
  EXPECT_EQ(child.Resolve("any", {}).error().code, Code::kInvalid);
  EXPECT_EQ(child.Resolve("any", (temp.path() / "none").string()).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace hostler::engine_sdk
