#include "speech/presets.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/testing/temp_folder.h"

namespace hostler::speech {
namespace {

using ::testing::HasSubstr;

class Presets : public ::testing::Test {
 protected:
  Result<std::vector<Preset>> Read(std::string_view text) {
    const auto path = folder_.path() / "presets.toml";
    std::ofstream(path) << text;
    return ReadPresets(path);
  }
  std::string ErrorOf(std::string_view text) {
    const auto presets = Read(text);
    return presets ? "no error" : presets.error().Text();
  }
  os::TempFolder folder_;
};

TEST_F(Presets, AreRead) {
  const auto presets = Read(R"([[preset]]
name = "Butler"
voice = "en-gb-x-rp"
model = "espeak"
speed = 0.9
description = "Dignified."
[[preset]]
name = "Plain"
voice = "en-us"
)");
  ASSERT_TRUE(presets) << presets.error().Text();
  ASSERT_EQ(presets->size(), 2U);
  EXPECT_EQ((*presets)[0].voice, "en-gb-x-rp");
  EXPECT_EQ((*presets)[0].model, "espeak");
  EXPECT_EQ((*presets)[0].speed, 0.9);
  EXPECT_EQ((*presets)[1].speed, 1);
  EXPECT_FALSE((*presets)[1].model);
}

TEST_F(Presets, ErrorsNameLineAndKey) {
  EXPECT_THAT(ErrorOf("[[preset]]\nname = 'a'\nvoice = 'b'\nspeed = 9"),
              HasSubstr(":4: preset.speed: expected a number from 0.25 to 4"));
  EXPECT_THAT(ErrorOf("[[preset]]\nname = 'a'"), HasSubstr("voice"));
  EXPECT_THAT(ErrorOf("[[preset]]\nnam = 'a'"), HasSubstr(":2"));
  EXPECT_THAT(ErrorOf("[[presets]]\nname = 'a'"), HasSubstr("preset"));
  EXPECT_THAT(ErrorOf("[[preset]]\nname='a'\nvoice='b'\n[[preset]]\nname='a'\nvoice='c'"),
              HasSubstr(":4: there are two presets"));
}

TEST(NoPresets, AreNoError) {
  EXPECT_TRUE(ReadPresets({})->empty());
  EXPECT_FALSE(ReadPresets("/nowhere/presets.toml"));
}

}  // namespace
}  // namespace hostler::speech
