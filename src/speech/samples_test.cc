#include "speech/samples.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/testing/temp_folder.h"

namespace hostler::speech {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class SamplesTest : public ::testing::Test {
 protected:
  void Put(const std::string& file, const std::string& text = "x") {
    fs::create_directories(folder_);
    std::ofstream(folder_ / file) << text;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const Sample& sample : samples_.List()) names.push_back(sample.name);
    return names;
  }
  os::TempFolder temp_;
  fs::path folder_ = temp_.path() / "samples";
  Samples samples_{folder_, 3};
};

TEST_F(SamplesTest, AreListedByName) {
  EXPECT_TRUE(samples_.List().empty()) << "without a folder";
  Put("Zoe.WAV");
  Put("Bob Smith.wav", "12345");
  Put("clip.mp3");
  Put(".hidden.wav");
  Put("notes.txt");
  fs::create_directories(folder_ / "folder.wav");
  EXPECT_THAT(Names(), ElementsAre("Bob Smith", "Zoe", "clip.mp3"));
  const auto bob = samples_.Find("Bob Smith");
  ASSERT_TRUE(bob);
  EXPECT_EQ(bob->size_bytes, 5U);
  EXPECT_EQ(bob->content_type, "audio/wav");
  EXPECT_GT(UnixSeconds(bob->created_at), 1e9);
  EXPECT_EQ(*samples_.Read(*bob, 5), "12345");
  EXPECT_EQ(samples_.Read(*bob, 4).error().code, Code::kTooLarge);
  EXPECT_TRUE(samples_.Find("Bob Smith.wav")) << "by its file";
}

TEST_F(SamplesTest, AreNotFoundOutside) {
  Put("bob.wav");
  std::ofstream(temp_.path() / "secret.wav") << "secret";
  fs::create_symlink("../secret.wav", folder_ / "link.wav");
  fs::create_symlink("bob.wav", folder_ / "inner.wav");
  EXPECT_THAT(Names(), ElementsAre("bob", "inner"));
  for (const char* name : {"../secret", "../secret.wav", "link", "/etc/passwd", "", ".", "bob.wav/.."}) {
    const auto found = samples_.Find(name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, Code::kNotFound) << name;
    EXPECT_EQ(found.error().field, "sample");
  }
  EXPECT_THAT(samples_.Find("bop").error().remedy, HasSubstr("\"bob\""));
}

TEST_F(SamplesTest, NamesBecomePlain) {
  EXPECT_EQ(*Samples::PlainName("  My Voice-2 "), "my_voice_2");
  EXPECT_EQ(*Samples::PlainName("../../etc/passwd"), "etcpasswd");
  EXPECT_EQ(*Samples::PlainName("Zoë"), "zo");
  EXPECT_EQ(Samples::PlainName(std::string(200, 'a'))->size(), 64U);
  for (const char* name : {"", "  ", "é", "../.."}) EXPECT_EQ(Samples::PlainName(name).error().field, "name") << name;
}

TEST_F(SamplesTest, AreWrittenReplacedAndRemoved) {
  const auto written = samples_.Write("my_voice", "RIFF");
  ASSERT_TRUE(written) << written.error().Text();
  EXPECT_EQ(written->file, "my_voice.wav");
  EXPECT_EQ(samples_.Find("My Voice")->name, "my_voice") << "as it was called when it came";
  ASSERT_TRUE(samples_.Write("my_voice", "RIFF2"));
  EXPECT_THAT(Names(), ElementsAre("my_voice"));
  EXPECT_EQ(samples_.Find("my_voice")->size_bytes, 5U);
  ASSERT_TRUE(samples_.Remove(*written));
  EXPECT_TRUE(samples_.List().empty());
  EXPECT_EQ(samples_.Remove(*written).error().code, Code::kNotFound);
}

TEST_F(SamplesTest, AreNotTooMany) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(samples_.Write(name, "x"));
  const auto full = samples_.Write("d", "x");
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().remedy, HasSubstr("speech.max_samples"));
  EXPECT_TRUE(samples_.Write("a", "y")) << "one that is there may be replaced";
}

TEST_F(SamplesTest, ALinkIsReplacedNotFollowed) {
  Put("a.wav");
  std::ofstream(temp_.path() / "other.wav") << "precious";
  fs::create_symlink("../other.wav", folder_ / "b.wav");
  ASSERT_TRUE(samples_.Write("b", "new"));
  EXPECT_EQ(fs::file_size(temp_.path() / "other.wav"), 8U);
  EXPECT_FALSE(fs::is_symlink(folder_ / "b.wav"));
}

}  // namespace
}  // namespace hostler::speech
