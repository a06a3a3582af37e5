// The parts that need no model: languages, words, pieces, and looking through files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/text.h"
#include "engine_sdk/testing/harness.h"
#include "engines/whisper/languages.h"
#include "engines/whisper/pieces.h"
#include "engines/whisper/weights.h"
#include "engines/whisper/words.h"
#include "os/files.h"

namespace hostler::whisper {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Languages, AreKnownByCodeTagAndName) {
  EXPECT_EQ(*LanguageOf("de", true), "de");
  EXPECT_EQ(*LanguageOf("de-AT", true), "de");
  EXPECT_EQ(*LanguageOf(" German ", true), "de");
  EXPECT_EQ(*LanguageOf("haitian creole", true), "ht");
  EXPECT_EQ(*LanguageOf("jv", true), "jw");
  EXPECT_EQ(TagOf("jw"), "jv");
  EXPECT_EQ(*LanguageOf("", true), "auto");
  EXPECT_EQ(*LanguageOf("AUTO", true), "auto");
  EXPECT_EQ(*LanguageOf("", false), "en");
  EXPECT_EQ(*LanguageOf("en-US", false), "en");
  EXPECT_EQ(Languages().size(), 100U);
}

TEST(Languages, TellWhatIsWrong) {
  const auto unknown = LanguageOf("germen", true);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().field, "language");
  EXPECT_THAT(unknown.error().remedy, HasSubstr("de (german)"));
  EXPECT_THAT(LanguageOf("klingon-and-more-of-it", true).error().remedy, HasSubstr("leave it out"));
  EXPECT_EQ(LanguageOf("fr", false).error().code, Code::kUnsupported);
  EXPECT_FALSE(LanguageOf(std::string(100'000, 'x'), true));
  EXPECT_FALSE(LanguageOf("\xff\xfe\n", true));
}

std::vector<Token> Tokens(const std::vector<std::string>& texts) {
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto at = static_cast<double>(i);
    tokens.push_back({texts[i], at, at + 1, 0.5});
  }
  return tokens;
}

std::vector<std::string> Texts(const std::vector<wire::Word>& words) {
  std::vector<std::string> texts;
  for (const wire::Word& word : words) texts.push_back(word.word);
  return texts;
}

TEST(Words, BeginAtBlanks) {
  const auto words = WordsOf(Tokens({" Hel", "lo", ",", " wor", "ld", "!", " ", "again"}), true);
  EXPECT_THAT(Texts(words), ElementsAre("Hello,", "world!", "again"));
  EXPECT_EQ(words[0].start, 0);
  EXPECT_EQ(words[0].end, 3);
  EXPECT_EQ(words[1].start, 3);
  EXPECT_EQ(*words[1].probability.value, 0.5);
}

TEST(Words, AreWholeCharactersWhereThereAreNoBlanks) {
  // 你 cut in the middle, 好, a full stop that goes with it, 吗.
  const auto words = WordsOf(Tokens({"\xe4\xbd", "\xa0", "\xe5\xa5\xbd", "\xe3\x80\x82", "\xe5\x90\x97"}), false);
  EXPECT_THAT(Texts(words), ElementsAre("你", "好。", "吗"));
  EXPECT_EQ(words[0].end, 2);
}

TEST(Words, AreNeverBrokenUtf8) {
  EXPECT_THAT(Texts(WordsOf(Tokens({" a\xff", "\xc3", " b"}), true)), ElementsAre("a\xEF\xBF\xBD\xEF\xBF\xBD b"));
  EXPECT_THAT(WordsOf({}, true), IsEmpty());
  EXPECT_THAT(WordsOf(Tokens({" ", "  "}), true), IsEmpty());
}

TEST(Mender, CarriesHalfACharacterToTheNextSegment) {
  Mender mender;
  auto first = Tokens({" caf", "\xc3"});
  mender.Mend(first);
  EXPECT_EQ(TextOf(first), " caf");
  auto second = Tokens({"\xa9", " au"});
  mender.Mend(second);
  EXPECT_EQ(TextOf(second), "é au");
  // Three of four bytes, spread over tokens.
  auto third = Tokens({" x\xf0", "\x9f", "\x98"});
  mender.Mend(third);
  EXPECT_EQ(TextOf(third), " x");
  auto fourth = Tokens({"\x80"});
  mender.Mend(fourth);
  EXPECT_EQ(TextOf(fourth), "😀");
  auto junk = Tokens({"\x80\x80\x80\x80", "z"});
  mender.Mend(junk);
  EXPECT_THAT(TextOf(junk), HasSubstr("z"));
  std::vector<Token> none;
  mender.Mend(none);
}

using Samples = std::vector<std::int16_t>;

TEST(Pieces, LeadTimesBack) {
  const Samples samples(20 * kRate, 16384);
  const Piece piece(samples, {{2 * kRate, 4 * kRate}, {10 * kRate, 11 * kRate}});
  EXPECT_EQ(piece.samples().size(), static_cast<std::size_t>(3.1 * kRate));
  EXPECT_EQ(piece.samples().front(), 0.5F);
  EXPECT_EQ(piece.samples()[2 * kRate + 1], 0.0F) << "silence between stretches";
  EXPECT_DOUBLE_EQ(piece.Start(0), 2);
  EXPECT_DOUBLE_EQ(piece.Start(1.5), 3.5);
  EXPECT_DOUBLE_EQ(piece.Start(2.05), 10) << "a start moves on";
  EXPECT_DOUBLE_EQ(piece.End(2.05), 4) << "an end moves back";
  EXPECT_DOUBLE_EQ(piece.End(2.6), 10.5);
  EXPECT_DOUBLE_EQ(piece.End(100), 11);
  EXPECT_DOUBLE_EQ(piece.Start(-1), 2);
}

// ---- files ----

class WeightsTest : public ::testing::Test {
 protected:
  std::filesystem::path Write(std::string_view content, const std::string& name = "model.bin") {
    const auto path = folder_.path() / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string Read(const std::string& name) { return *os::ReadFile(std::filesystem::path(HOSTLER_TEST_MODELS) / name); }
  // The bytes of a file with one number replaced; the numbers of a header are four bytes each.
  static std::string With(std::string bytes, std::size_t at, std::int32_t value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return bytes;
  }

  engine_sdk::testing::TempFolder folder_;
};

TEST_F(WeightsTest, KnowsItsOwn) {
  const auto many = InspectWhisper(Write(Read("ggml-tiny-test.bin")));
  ASSERT_TRUE(many) << many.error().Text();
  EXPECT_TRUE(many->multilingual);
  EXPECT_EQ(many->text_layers, 1);
  EXPECT_FALSE(InspectWhisper(Write(Read("ggml-tiny-test.en.bin")))->multilingual);
  EXPECT_TRUE(InspectVoiceActivity(Write(Read("ggml-silero-test.bin"))));
}

TEST_F(WeightsTest, SaysWhatAFileIsInstead) {
  const auto message = [&](std::string_view content) { return InspectWhisper(Write(content)).error().message; };
  EXPECT_THAT(message(""), HasSubstr("empty"));
  EXPECT_THAT(message("GGUF\3\0\0\0aaaaaaaaaaaaaaaa"), HasSubstr("GGUF"));
  EXPECT_THAT(message("<!DOCTYPE html><html>"), HasSubstr("web page"));
  EXPECT_THAT(message("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("Git LFS"));
  EXPECT_THAT(message("PK\x03\x04zzzzzzzzzz"), HasSubstr("archive"));
  EXPECT_THAT(message("x"), HasSubstr("no ggml file"));
  EXPECT_THAT(InspectWhisper(folder_.path()).error().message, HasSubstr("folder"));
  EXPECT_EQ(InspectWhisper(folder_.path() / "none").error().code, Code::kNotFound);
  EXPECT_THAT(InspectWhisper(Write(Read("ggml-silero-test.bin"))).error().message, HasSubstr("vocabulary"));
  EXPECT_FALSE(InspectVoiceActivity(Write(Read("ggml-tiny-test.bin"))));
}

TEST_F(WeightsTest, NoticesEveryCut) {
  const std::string whole = Read("ggml-tiny-test.en.bin");
  for (std::size_t size = 1; size < whole.size(); size += size < 200 ? 1 : size < 70'000 ? 997 : 60'013) {
    const auto seen = InspectWhisper(Write(std::string_view(whole).substr(0, size)));
    ASSERT_FALSE(seen) << size;
    EXPECT_FALSE(seen.error().remedy.empty());
  }
  EXPECT_THAT(InspectWhisper(Write(whole.substr(0, whole.size() - 1))).error().message, HasSubstr("cut off"));
  EXPECT_FALSE(InspectWhisper(Write(whole + "more")));
  const std::string silero = Read("ggml-silero-test.bin");
  for (std::size_t size = 1; size < silero.size(); size += 3001)
    EXPECT_FALSE(InspectVoiceActivity(Write(std::string_view(silero).substr(0, size)))) << size;
}

TEST_F(WeightsTest, RefusesNumbersThatCannotBe) {
  const std::string whole = Read("ggml-tiny-test.bin");
  constexpr std::size_t kContext = 8;
  constexpr std::size_t kTextContext = 24;
  constexpr std::size_t kType = 44;
  for (std::size_t at = 4; at < 4 + 4 * 13; at += 4) {
    for (const std::int32_t value : {-1, 5, 7, 1 << 30, INT32_MIN}) {
      if (value == 7 && at == kType) continue;    // that is one: Q8_0
      if (value > 0 && at == kContext) continue;  // so is this; whisper.cpp notices by the tensors
      EXPECT_FALSE(InspectWhisper(Write(With(whole, at, value)))) << at << " " << value;
    }
  }
  EXPECT_FALSE(InspectWhisper(Write(With(whole, kTextContext, 31))));
  EXPECT_THAT(InspectWhisper(Write(With(whole, kType, 12))).error().message, HasSubstr("too small for weights of type q4_K"));
}

}  // namespace
}  // namespace hostler::whisper
