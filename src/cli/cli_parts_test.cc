// The pieces that need no server: widths, and sound files.

#include <gtest/gtest.h>

#include "cli/audio_file.h"
#include "cli/table.h"
#include "cli/testing/fake_daemon.h"

namespace hostler::cli {
namespace {

TEST(DisplayWidth, CountsWhatATerminalShows) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("● Änne"), 6U);
  EXPECT_EQ(DisplayWidth("語"), 2U);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1U);
  EXPECT_EQ(DisplayWidth("\xFF\xC3"), 2U);  // broken bytes: one each
}

TEST(CutTo, KeepsCharactersWhole) {
  EXPECT_EQ(CutTo("hello", 5), "hello");
  EXPECT_EQ(CutTo("hello", 4), "hel…");
  EXPECT_EQ(CutTo("äöü", 2), "ä…");
  EXPECT_EQ(CutTo("語語", 3), "語…");
  EXPECT_EQ(CutTo("語語", 2), "…");
  EXPECT_EQ(CutTo("語", 0), "");
}

TEST(Span, InOneGlance) {
  EXPECT_EQ(Span(0.2), "now");
  EXPECT_EQ(Span(61), "61 s");
  EXPECT_EQ(Span(600), "10 min");
  EXPECT_EQ(Span(10'000), "3 h");
  EXPECT_EQ(Span(864'000), "10 d");
}

TEST(MakeWavWhole, LeavesOtherThingsAlone) {
  for (const std::string& text :
       {std::string(), std::string("RIFF"), std::string("no wav at all, but long enough to be one, is it not?"),
        SomeWav(8000, 7, false), SomeWav(8000, 7, false).substr(0, 40)}) {
    std::string changed = text;
    MakeWavWhole(changed);
    EXPECT_EQ(changed, text);
  }
  std::string further = SomeWav(8000, 7, false) + "LIST";  // a chunk behind the samples
  const std::string before = further;
  MakeWavWhole(further);
  EXPECT_EQ(further, before);
}

TEST(SecondsOf, KnowsWavAndPcm) {
  EXPECT_DOUBLE_EQ(SecondsOf(SomeWav(16000, 8000, false), "wav").value(), 0.5);
  EXPECT_DOUBLE_EQ(SecondsOf(std::string(48000, 'x'), "pcm").value(), 1);
  EXPECT_FALSE(SecondsOf("ID3", "mp3"));
  EXPECT_FALSE(SecondsOf("RIFF", "wav"));
}

TEST(FormatOfName, FollowsTheEnding) {
  EXPECT_EQ(FormatOfName("a/b.OGG"), "opus");
  EXPECT_EQ(FormatOfName("b.m4a"), "m4a");
  EXPECT_EQ(FormatOfName("wav"), "");
  EXPECT_EQ(FormatOfName("a.txt"), "");
}

}  // namespace
}  // namespace hostler::cli
