#include "engine_sdk/sentences.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/text.h"

namespace hostler::engine_sdk {
namespace {

using Pieces = std::vector<std::string>;

// Does a text that is one character too long for a piece come apart just here?
bool CutsAt(std::string_view left, std::string_view right, std::string_view between = " ") {
  const std::string text = std::string(left).append(between).append(right);
  const std::size_t longest = *Utf8Length(text) - 1;
  const Pieces pieces = Sentences(text, {longest, longest});
  return pieces == Pieces{std::string(left), std::string(right)};
}

std::string WithoutSpace(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("\u3000")) {
      i += 2;
    } else if (!Trim(text.substr(i, 1)).empty()) {
      out += text[i];
    }
  }
  return out;
}

TEST(Sentences, EndWithFullStopsAndTheirKin) {
  EXPECT_TRUE(CutsAt("It rains today.", "We stay here at home."));
  EXPECT_TRUE(CutsAt("Does it rain?", "yes, it does rain."));
  EXPECT_TRUE(CutsAt("What?!", "No way, I say."));
  EXPECT_TRUE(CutsAt("Wait…", "There is a wolf out there."));
  EXPECT_TRUE(CutsAt("Он пришёл.", "Потом он ушёл."));
}

TEST(Sentences, DoNotEndAtAbbreviationsInitialsAndNumbers) {
  EXPECT_FALSE(CutsAt("We saw Dr.", "Brown and his wife"));
  EXPECT_FALSE(CutsAt("We met J.", "Brown and his wife"));
  EXPECT_FALSE(CutsAt("This is fruit, e.g.", "Apples from the tree"));
  EXPECT_FALSE(CutsAt("Er kommt am 3.", "Mai nach Hause"));
  EXPECT_FALSE(CutsAt("It costs about 3.", "14 or less in the shop", ""));
  EXPECT_FALSE(CutsAt("Go to example.", "com and look there", ""));
  EXPECT_FALSE(CutsAt("That is approx.", "five of them or six"));
  EXPECT_TRUE(CutsAt("It was in 1999.", "Then came the next year."));
}

TEST(Sentences, KeepTheirClosingQuotes) {
  EXPECT_TRUE(CutsAt("\"It rains.\"", "We stay here at home."));
  EXPECT_TRUE(CutsAt("(It rains.)", "We stay here at home."));
  EXPECT_TRUE(CutsAt("„Es regnet.“", "Wir bleiben hier zu Haus."));
  EXPECT_TRUE(CutsAt("« Il pleut. »", "Nous restons ici, chez nous.")) << "a closing quote after a blank";
  EXPECT_FALSE(CutsAt("\"Stop!\"", "he said to the wolf there"));
}

TEST(Sentences, OfOtherScripts) {
  EXPECT_TRUE(CutsAt("今天下雨。", "我们留在家里看书。", ""));
  EXPECT_TRUE(CutsAt("他说：“今天下雨。”", "我们留在家里看书。", ""));
  EXPECT_TRUE(CutsAt("他走了。", "“今天下雨，我们留在家里。”", ""));
  EXPECT_TRUE(CutsAt("本当ですか？", "はい、本当です。", ""));
  EXPECT_TRUE(CutsAt("هل تمطر اليوم؟", "نعم، سنبقى في البيت."));
  EXPECT_TRUE(CutsAt("आज बारिश है।", "हम घर पर रहेंगे।"));
}

TEST(Sentences, ShareAPieceWhenShort) {
  const std::string text = "One. Two. Three. Four. Five. Six.";
  EXPECT_EQ(Sentences(text, {100, 100}), Pieces{text});
  EXPECT_EQ(Sentences(text, {12, 12}), (Pieces{"One. Two.", "Three. Four.", "Five. Six."}));
}

TEST(Sentences, BeginWithAShortPiece) {
  const auto pieces = Sentences("The first one is here. The second one is here too. And so is the third one.", {100, 30});
  EXPECT_EQ(pieces, (Pieces{"The first one is here.", "The second one is here too. And so is the third one."}));
}

TEST(Sentences, TooLongAreCutWhereAReaderBreathes) {
  EXPECT_EQ(Sentences("He came and went, and nobody saw him do so", {30, 30}),
            (Pieces{"He came and went,", "and nobody saw him do so"}));
  EXPECT_EQ(Sentences("He came and went and nobody saw him", {30, 30}), (Pieces{"He came and went and nobody", "saw him"}));
  EXPECT_EQ(Sentences("A line of a poem\nand then another one", {30, 30}), (Pieces{"A line of a poem", "and then another one"}));
  EXPECT_EQ(Sentences("Oh, he came and went and nobody saw him", {30, 30}).front(), "Oh, he came and went and")
      << "a comma near the beginning is no place to breathe";
  EXPECT_EQ(Sentences("abcdefghijklmnop", {5, 5}), (Pieces{"abcde", "fghij", "klmno", "p"}));
  EXPECT_EQ(Sentences("今天天气很好我们去公园", {5, 5}), (Pieces{"今天天气很", "好我们去公", "园"}));
}

TEST(Sentences, LeaveNoSingleWordBehind) {
  EXPECT_EQ(Sentences("He came and went and nobody saw it then", {36, 36}),
            (Pieces{"He came and went and nobody", "saw it then"}));
  EXPECT_EQ(Sentences("He came and went and nobody saw it. So it is.", {30, 30}),
            (Pieces{"He came and went and nobody", "saw it. So it is."}));
}

TEST(Sentences, NeverTearACharacterFromWhatBelongsToIt) {
  EXPECT_EQ(Sentences("ab👨\u200D👩cd", {4, 4}), (Pieces{"ab", "👨\u200D👩c", "d"}));
  EXPECT_EQ(Sentences("👨\u200D👩\u200D👧", {3, 3}), (Pieces{"👨\u200D👩", "\u200D👧"})) << "no room for the family";
  EXPECT_EQ(Sentences("abc👍🏽d", {4, 4}), (Pieces{"abc", "👍🏽d"}));
  EXPECT_EQ(Sentences("abce\u0301fg", {4, 4}), (Pieces{"abc", "e\u0301fg"}));
}

TEST(Sentences, EndWithParagraphs) {
  EXPECT_EQ(Sentences("A heading\n\nThe text of it.\n \t\nMore"), (Pieces{"A heading", "The text of it.", "More"}));
  EXPECT_EQ(Sentences("hard-wrapped\ntext"), Pieces{"hard-wrapped\ntext"});
}

TEST(Sentences, OfNothing) {
  EXPECT_TRUE(Sentences("").empty());
  EXPECT_TRUE(Sentences(" \n\n \t\u3000\u00A0").empty());
  EXPECT_EQ(Sentences("..."), Pieces{"..."});
  EXPECT_EQ(Sentences("?! … 。。"), Pieces{"?! … 。。"});
  EXPECT_EQ(Sentences("🎉"), Pieces{"🎉"});
}

TEST(Sentences, LoseNothingAndKeepTheLimit) {
  const std::vector<std::string> parts = {"a",     "Dr.",    "word", "supercalifragilistic",
                                          ". ",    ".",      "!",    "?",
                                          ",",     ";",      "\n",   "\n\n",
                                          " ",     "  ",     "\"",   "”",
                                          "“",     "。",     "，",   "漢",
                                          "字",    "👍🏽",   "é",    "e\u0301",
                                          "3.",    "14",     "…",    "؟",
                                          "مرحبا", "\u3000", "\xff", "\xe4\xbd"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (unsigned i = random() % 60; i > 0; --i) text += parts[random() % parts.size()];
    const Cutting cutting{1 + random() % 40, 1 + random() % 50};
    std::string joined;
    bool first = true;
    for (const std::string& piece : Sentences(text, cutting)) {
      ASSERT_FALSE(Trim(piece).empty()) << text;
      if (const auto length = Utf8Length(piece)) {
        ASSERT_LE(*length, cutting.longest) << text;
        if (first) ASSERT_LE(*length, cutting.first) << text;
      }
      first = false;
      joined += piece;
    }
    ASSERT_EQ(WithoutSpace(joined), WithoutSpace(text)) << text;
  }
}

// Remembers what it was given.
class Tape : public AudioSink {
 public:
  bool Begin(int rate, int count) override {
    ++begins;
    sample_rate = rate;
    channels = count;
    return !deaf;
  }
  bool Write(std::span<const std::int16_t> piece) override {
    samples.insert(samples.end(), piece.begin(), piece.end());
    return !deaf;
  }
  [[nodiscard]] std::size_t Quiet(std::size_t from) const {  // how many samples after `from` are 0
    std::size_t end = from;
    while (end < samples.size() && samples[end] == 0) ++end;
    return end - from;
  }
  int begins = 0;
  int sample_rate = 0;
  int channels = 0;
  bool deaf = false;
  std::vector<std::int16_t> samples;
};

constexpr int kRate = 1000;  // Hz: a sample is a millisecond
const Cutting kShort = {20, 20};
const std::string kTwo = "It rains today here. We stay at home.";

// So many samples of silence, of full loudness, of silence.
Result<> Say(AudioSink& out, int before, int loud, int after, int rate = kRate, int channels = 1) {
  if (!out.Begin(rate, channels)) return {};
  std::vector<std::int16_t> samples(static_cast<std::size_t>(before * channels), 0);
  samples.resize(samples.size() + static_cast<std::size_t>(loud * channels), 10000);
  samples.resize(samples.size() + static_cast<std::size_t>(after * channels), 0);
  for (std::size_t at = 0; at < samples.size(); at += 64) {
    const std::size_t count = std::min<std::size_t>(64, samples.size() - at);
    if (!out.Write({samples.data() + at, count})) return {};
  }
  return {};
}

TEST(SpeakBySentence, PassesASinglePieceUntouched) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence("  Hello.  ", tape, {}, [](const std::string& piece, AudioSink& out) {
    EXPECT_EQ(piece, "Hello.");
    return Say(out, 300, 100, 300);
  }));
  EXPECT_EQ(tape.samples.size(), 700U);
  EXPECT_EQ(tape.samples[300], 10000) << "no fade";
}

TEST(SpeakBySentence, MendsTheSeams) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence(kTwo, tape, {}, [](const std::string&, AudioSink& out) { return Say(out, 300, 100, 400); }, kShort,
                              {0.25, 0.005, 0.01}));
  EXPECT_EQ(tape.begins, 1);
  // 5 ms of the silence at each edge are left, and what lies between is the pause.
  ASSERT_EQ(tape.samples.size(), 110U + 250U + 110U);
  EXPECT_EQ(tape.samples[5], 10000);
  EXPECT_EQ(tape.samples[104], 10000);
  EXPECT_EQ(tape.Quiet(105), 5U + 250U + 5U);
}

TEST(SpeakBySentence, FadesWhatBeginsLoud) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence(kTwo, tape, {}, [](const std::string&, AudioSink& out) { return Say(out, 0, 100, 0); }, kShort,
                              {0.1, 0.010, 0.01}));
  ASSERT_EQ(tape.samples.size(), 300U);
  EXPECT_EQ(tape.samples[0], 0);
  EXPECT_EQ(tape.samples[5], 5000);
  EXPECT_EQ(tape.samples[50], 10000);
  EXPECT_EQ(tape.samples[99], 0);
  EXPECT_EQ(tape.samples[94], 5000);
  EXPECT_EQ(tape.Quiet(100), 101U);
}

TEST(SpeakBySentence, PausesTwiceAsLongAfterAParagraph) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence("One.\n\nTwo.", tape, {}, [](const std::string&, AudioSink& out) { return Say(out, 0, 100, 0); },
                              {}, {0.1, 0, 0.01}));
  EXPECT_EQ(tape.Quiet(100), 200U);
}

TEST(SpeakBySentence, RestsLessWithinASentence) {
  const auto rests = [](std::string_view text) {
    Tape tape;
    EXPECT_TRUE(SpeakBySentence(text, tape, {}, [](const std::string&, AudioSink& out) { return Say(out, 0, 100, 0); }, kShort,
                                {0.1, 0, 0.01}));
    return tape.Quiet(100);
  };
  EXPECT_EQ(rests("It rains today here. We stay at home."), 100U);
  EXPECT_EQ(rests("It rains today, so we all stay at home then"), 50U);
  EXPECT_EQ(rests("It rains today and so we all stay at home then"), 0U);
}

TEST(SpeakBySentence, KeepsSilenceWithinAPiece) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence(kTwo, tape, {},
                              [](const std::string&, AudioSink& out) {
                                (void)Say(out, 0, 50, 3000);
                                return Say(out, 0, 50, 0);
                              },
                              kShort, {0.1, 0, 0.01}));
  EXPECT_EQ(tape.Quiet(50), 3000U);
  EXPECT_EQ(tape.samples.size(), 2 * 3100U + 100U);
}

TEST(SpeakBySentence, DoesNotPauseForAPieceWithoutSound) {
  Tape tape;
  int piece_number = 0;
  ASSERT_TRUE(SpeakBySentence(
      "It rains today here. So it goes on then. We stay at home.", tape, {},
      [&](const std::string&, AudioSink& out) { return ++piece_number == 2 ? Say(out, 900, 0, 0) : Say(out, 0, 100, 0); }, kShort,
      {0.1, 0, 0.01}));
  EXPECT_EQ(piece_number, 3);
  EXPECT_EQ(tape.samples.size(), 300U);
}

TEST(SpeakBySentence, SendsTheFirstPieceBeforeTheSecondIsMade) {
  Tape tape;
  std::vector<std::size_t> heard;
  ASSERT_TRUE(SpeakBySentence(kTwo, tape, {},
                              [&](const std::string&, AudioSink& out) {
                                heard.push_back(tape.samples.size());
                                return Say(out, 0, 100, 0);
                              },
                              kShort, {0.1, 0.005, 0.01}));
  EXPECT_EQ(heard, (std::vector<std::size_t>{0, 200}));
}

TEST(SpeakBySentence, SendsAPieceWhileItIsMade) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence(kTwo, tape, {},
                              [&](const std::string&, AudioSink& out) {
                                const std::size_t before = tape.samples.size();
                                (void)Say(out, 0, 1000, 0);
                                EXPECT_EQ(tape.samples.size() - before, 995U) << "no more is held back than may be faded";
                                return Result<>();
                              },
                              kShort, {0.1, 0.005, 0.01}));
}

TEST(SpeakBySentence, MendsStereo) {
  Tape tape;
  ASSERT_TRUE(SpeakBySentence(kTwo, tape, {},
                              [](const std::string&, AudioSink& out) { return Say(out, 300, 100, 300, kRate, 2); }, kShort,
                              {0.1, 0.005, 0.01}));
  EXPECT_EQ(tape.channels, 2);
  EXPECT_EQ(tape.samples.size(), 2 * (110U + 100U + 110U));
}

TEST(SpeakBySentence, EndsWithAnError) {
  Tape tape;
  int calls = 0;
  const auto spoken = SpeakBySentence(
      "It rains today here. So it goes on then. We stay at home.", tape, {},
      [&](const std::string&, AudioSink& out) -> Result<> {
        if (++calls == 2) return Fail(Code::kInternal, "out of breath");
        return Say(out, 0, 100, 0);
      },
      kShort);
  ASSERT_FALSE(spoken);
  EXPECT_EQ(spoken.error().message, "out of breath");
  EXPECT_EQ(calls, 2);
}

TEST(SpeakBySentence, EndsWhenStopped) {
  Tape tape;
  std::stop_source source;
  int calls = 0;
  EXPECT_TRUE(SpeakBySentence(
      kTwo, tape, source.get_token(),
      [&](const std::string&, AudioSink& out) {
        ++calls;
        source.request_stop();
        return Say(out, 0, 100, 0);
      },
      kShort));
  EXPECT_EQ(calls, 1);
}

TEST(SpeakBySentence, EndsWhenNobodyListens) {
  Tape tape;
  tape.deaf = true;
  int calls = 0;
  EXPECT_TRUE(SpeakBySentence(
      kTwo, tape, {},
      [&](const std::string&, AudioSink& out) {
        ++calls;
        return Say(out, 0, 100, 0);
      },
      kShort));
  EXPECT_EQ(calls, 1);
}

TEST(SpeakBySentence, RefusesPiecesOfDifferentFormats) {
  Tape tape;
  int calls = 0;
  const auto spoken = SpeakBySentence(
      kTwo, tape, {}, [&](const std::string&, AudioSink& out) { return Say(out, 0, 100, 0, ++calls * 1000); }, kShort);
  ASSERT_FALSE(spoken);
  EXPECT_NE(spoken.error().message.find("from 1000 Hz and 1 channels to 2000 Hz"), std::string::npos) << spoken.error().message;
}

TEST(SpeakBySentence, HasNothingToSayOfNothing) {
  Tape tape;
  const auto spoken = SpeakBySentence(" \u00A0", tape, {}, [](const std::string&, AudioSink&) -> Result<> { return {}; });
  ASSERT_FALSE(spoken);
  EXPECT_EQ(spoken.error().field, "text");
}

}  // namespace
}  // namespace hostler::engine_sdk
