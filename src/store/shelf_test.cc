#include "store/shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing/filled.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Read;

class ShelfTest : public ::testing::Test {
 protected:
  void SetUp() override { testing::Write(snapshot / "model.onnx", "weights"); }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const ShelfItem& item : shelf.List(&passed_over)) names.push_back(item.name);
    return names;
  }

  testing::TemporaryFolder folder;
  fs::path snapshot = folder.path() / "hub/models--a--b/snapshots" / std::string(40, 'a');
  Shelf shelf{folder.path() / "base", folder.path() / "hub"};
  std::vector<std::string> passed_over;
};

TEST_F(ShelfTest, DownloadsAreLinkedByName) {
  EXPECT_THAT(Names(), IsEmpty());
  ASSERT_TRUE(shelf.Link("Qwen/small", snapshot));
  ASSERT_TRUE(shelf.Link("Qwen/small", snapshot));
  ASSERT_TRUE(shelf.Link("kokoro", snapshot));
  EXPECT_EQ(Read(shelf.models() / "Qwen/small/model.onnx"), "weights");
  EXPECT_THAT(Names(), ElementsAre("Qwen/small", "kokoro"));
  const auto item = shelf.List(nullptr)[0];
  EXPECT_TRUE(item.is_link);
  EXPECT_TRUE(item.is_folder);
  EXPECT_EQ(item.path, fs::canonical(snapshot));
  EXPECT_THAT(item.files, ElementsAre("model.onnx"));
  EXPECT_EQ(item.bytes, 7U);
  ASSERT_TRUE(shelf.Unlink("Qwen/small"));
  EXPECT_THAT(Names(), ElementsAre("kokoro"));
  EXPECT_FALSE(fs::exists(shelf.models() / "Qwen"));
  EXPECT_TRUE(fs::exists(snapshot / "model.onnx"));
  EXPECT_EQ(shelf.Unlink("Qwen/small").error().code, Code::kNotFound);
}

TEST_F(ShelfTest, WhatIsBuiltInWins) {
  testing::Write(shelf.models() / "kokoro/model.onnx", "built in");
  const auto done = shelf.Link("kokoro", snapshot);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kConflict);
  EXPECT_EQ(Read(shelf.models() / "kokoro/model.onnx"), "built in");
  EXPECT_EQ(shelf.Unlink("kokoro").error().code, Code::kNotFound);
  EXPECT_THAT(Names(), ElementsAre("kokoro"));
}

TEST_F(ShelfTest, LinksLeadNowhereElse) {
  testing::Write(folder.path() / "secret/file", "x");
  EXPECT_EQ(shelf.Link("a", folder.path() / "secret").error().code, Code::kForbidden);
  EXPECT_EQ(shelf.Link("../a", snapshot).error().code, Code::kInvalid);
  fs::create_directories(shelf.models());
  fs::create_directory_symlink(folder.path() / "secret", shelf.models() / "theirs");
  fs::create_directory_symlink(folder.path() / "hub/gone", shelf.models() / "dangling");
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(passed_over, ElementsAre(HasSubstr("leads nowhere"), HasSubstr("outside")));
  EXPECT_EQ(shelf.Link("theirs", snapshot).error().code, Code::kConflict);
  EXPECT_FALSE(shelf.Unlink("theirs"));
  ASSERT_TRUE(shelf.Link("dangling", snapshot));  // that one was ours
  EXPECT_THAT(Names(), ElementsAre("dangling"));
}

TEST_F(ShelfTest, ExternalModelsAreLinkedUnlessThereIsANamesake) {
  const fs::path external = folder.path() / "base/external_models";
  testing::Write(external / "kokoro/model.onnx", "external");
  testing::Write(external / "whisper/model.bin", "external");
  testing::Write(external / "Qwen/tiny/model.gguf", "external");
  testing::Write(external / "single.gguf", "external");
  testing::Write(shelf.models() / "kokoro/model.onnx", "built in");
  ASSERT_TRUE(shelf.LinkExternal());
  ASSERT_TRUE(shelf.LinkExternal());
  EXPECT_THAT(Names(), ElementsAre("Qwen/tiny", "kokoro", "single.gguf", "whisper"));
  EXPECT_EQ(Read(shelf.models() / "kokoro/model.onnx"), "built in");
  EXPECT_EQ(fs::read_symlink(shelf.models() / "Qwen/tiny"), "../../external_models/Qwen/tiny");
  fs::rename(folder.path() / "base", folder.path() / "moved");
  EXPECT_EQ(Read(folder.path() / "moved/models/whisper/model.bin"), "external");
}

}  // namespace
}  // namespace hostler::store
