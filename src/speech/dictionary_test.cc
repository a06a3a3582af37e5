#include "speech/dictionary.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/testing/temp_folder.h"

namespace hostler::speech {
namespace {

using ::testing::HasSubstr;

std::string Said(std::string_view words, std::string_view text) {
  const auto dictionary = Dictionary::Read(words, "w.toml");
  return dictionary ? dictionary->Apply(text) : "error: " + dictionary.error().message;
}

std::string ErrorOf(std::string_view words, const std::string& name = "w.toml") {
  const auto dictionary = Dictionary::Read(words, name);
  return dictionary ? "no error" : dictionary.error().message;
}

TEST(Dictionary, ReplacesWholeWords) {
  EXPECT_EQ(Said("sql = 'sequel'", "sql, mysql and (SQL)."), "sequel, mysql and (sequel).");
  EXPECT_EQ(Said("sql = 'sequel'", "sql"), "sequel");
  EXPECT_EQ(Said("caf = 'x'", "café caf"), "café x") << "é is a letter of the word";
  EXPECT_EQ(Said("\"c++\" = 'see plus plus'", "c++ c++17"), "see plus plus see plus plus17") << "a plus ends no word";
  EXPECT_EQ(Said("a = 'b'", "“a” a… «a»"), "“b” b… «b»");
  EXPECT_EQ(Said("khz = { say = 'kilohertz', part = true }", "44khz 1 kHz"), "44kilohertz 1 kilohertz");
}

TEST(Dictionary, CapitalsMeanTheSpelling) {
  EXPECT_EQ(Said("US = 'you ess'", "the US told us"), "the you ess told us");
  EXPECT_EQ(Said("us = 'them'\nUS = 'you ess'", "US us Us"), "you ess them them");
}

TEST(Dictionary, TheLongestWins) {
  EXPECT_EQ(Said("new = 'n'\n'new york' = 'ny'\n'york city' = 'yc'", "new york city, new york, new"), "ny city, ny, n");
}

TEST(Dictionary, DoesNotLookTwice) {
  EXPECT_EQ(Said("a = 'b'\nb = 'a'", "a b"), "b a");
  EXPECT_EQ(Said("a = 'a a a a'", "a"), "a a a a");
}

TEST(Dictionary, OfScriptsWithoutBlanks) {
  EXPECT_EQ(Said("'重慶' = 'Chongqing'", "我在重慶住"), "我在Chongqing住");
  EXPECT_EQ(Said("\"Москва\" = 'Masskva'", "Москва, Москвасити"), "Masskva, Москвасити");
}

TEST(Dictionary, MayLeaveAWordOut) {
  EXPECT_EQ(Said("'[laughs]' = ''", "Well [laughs] no"), "Well  no");
}

TEST(Dictionary, FromJson) {
  const auto dictionary = Dictionary::Read(R"({"GIF": "jiff", "khz": {"say": "kilohertz", "part": true}})", "w.json");
  ASSERT_TRUE(dictionary) << dictionary.error().Text();
  EXPECT_EQ(dictionary->size(), 2U);
  EXPECT_EQ(dictionary->Apply("GIF gif 5kHz"), "jiff gif 5kilohertz");
}

TEST(Dictionary, ErrorsNameTheLine) {
  EXPECT_THAT(ErrorOf("a = 'b'\nc = 5\n"), HasSubstr("w.toml:2: c: expected what is said, got 5"));
  EXPECT_THAT(ErrorOf("a = 'b'\na = 'c'\n"), HasSubstr("w.toml:2"));
  EXPECT_THAT(ErrorOf("a = {say = 'x', prt = true}"), HasSubstr("w.toml:1"));
  EXPECT_THAT(ErrorOf("\n\na = {part = true}"), HasSubstr("w.toml:3"));
  EXPECT_THAT(ErrorOf("' ' = 'x'"), HasSubstr("w.toml:1: : a word is empty"));
  EXPECT_THAT(ErrorOf("a = '" + std::string(300, 'x') + "'"), HasSubstr("w.toml:1: a: longer than 200 bytes"));
  EXPECT_THAT(ErrorOf("{\n\"a\": \"b\",\n\"c\": 5}", "w.json"), HasSubstr("w.json:3: c: expected object, got integer"));
  EXPECT_THAT(ErrorOf("{\"a\": ", "w.json"), HasSubstr("w.json: not valid JSON"));
  EXPECT_THAT(ErrorOf("[]", "w.json"), HasSubstr("expected an object of words"));
}

class DictionaryFileTest : public ::testing::Test {
 protected:
  void Write(std::string_view text) {
    std::ofstream(path_) << text;
    std::filesystem::last_write_time(path_, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(++changes_));
  }
  std::string Said(std::string_view text) {
    const auto dictionary = file_.Now([this](const Error& error) { told_.push_back(error.message); });
    return dictionary ? dictionary->Apply(text) : "none";
  }
  os::TempFolder folder_;
  std::filesystem::path path_ = folder_.path() / "words.toml";
  DictionaryFile file_{path_};
  int changes_ = 0;
  std::vector<std::string> told_;
};

TEST_F(DictionaryFileTest, IsReadAgainWhenItChanges) {
  Write("a = 'one'");
  EXPECT_EQ(Said("a"), "one");
  Write("a = 'two'");
  EXPECT_EQ(Said("a"), "two");
  EXPECT_TRUE(told_.empty());
}

TEST_F(DictionaryFileTest, KeepsTheOldOneAndTellsOnce) {
  Write("a = 'one'");
  EXPECT_EQ(Said("a"), "one");
  Write("a = ");
  EXPECT_EQ(Said("a"), "one");
  EXPECT_EQ(Said("a"), "one");
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_THAT(told_[0], HasSubstr("words.toml:1"));
  std::filesystem::remove(path_);
  EXPECT_EQ(Said("a"), "one");
  EXPECT_EQ(told_.size(), 2U);
  Write("a = 'three'");
  EXPECT_EQ(Said("a"), "three");
}

TEST(NoDictionaryFile, IsNone) {
  DictionaryFile none{std::filesystem::path()};
  EXPECT_EQ(none.Now([](const Error&) { ADD_FAILURE(); }), nullptr);
}

}  // namespace
}  // namespace hostler::speech
