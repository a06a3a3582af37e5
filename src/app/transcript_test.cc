#include "app/transcript.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostler::app {
namespace {

using ::testing::ElementsAre;

wire::Segment Said(double start, double end, std::string text) {
  wire::Segment segment;
  segment.start = start;
  segment.end = end;
  segment.text = std::move(text);
  return segment;
}

std::vector<std::string> Lines(const std::vector<SpokenSegment>& spoken) {
  std::vector<std::string> lines;
  for (const SpokenSegment& segment : spoken)
    lines.push_back(fmt::format("{} {:.1f}-{:.1f} {}", segment.speaker, segment.start, segment.end, segment.text));
  return lines;
}

TEST(Between, IsABlankWhereOneBelongs) {
  EXPECT_EQ(Between("", "one"), "");
  EXPECT_EQ(Between("one", ""), "");
  EXPECT_EQ(Between("one", "two"), " ");
  EXPECT_EQ(Between("one", " two"), "");
  EXPECT_EQ(Between("one ", "two"), "");
  EXPECT_EQ(Between("你好", "吗"), "");
  EXPECT_EQ(Between("。", "です"), "");
  EXPECT_EQ(Between("你好", "hello"), " ");
  EXPECT_EQ(Between("안녕", "하세요"), " ") << "Korean has blanks";
  EXPECT_EQ(Between("\xff", "\xff"), " ") << "whatever that is";
}

TEST(Append, MovesTimesAndNumbers) {
  wire::Transcript whole;
  Append(whole, {"one two", "und", 10, {Said(0, 2, "one"), Said(2, 4, " two")}, {{"one", 0, 1, {}}}}, 0);
  wire::Segment second = Said(1, 2, "three");
  Append(whole, {"three", "en", 5, {second}, {{"three", 1, 2, {}}}}, 10);
  EXPECT_EQ(whole.text, "one two three");
  EXPECT_EQ(whole.language, "en");
  EXPECT_EQ(whole.duration, 15);
  EXPECT_EQ(whole.segments[2].id, 2);
  EXPECT_EQ(whole.segments[2].start, 11);
  EXPECT_EQ(whole.words[1].end, 12);
  Append(whole, {"", "und", 5, {}, {}}, 15);
  EXPECT_EQ(whole.text, "one two three");
  EXPECT_EQ(whole.language, "en");
  EXPECT_EQ(whole.duration, 20);
}

TEST(WhoSaidWhat, CutsSegmentsBetweenWords) {
  wire::Transcript transcript;
  transcript.segments = {Said(0, 4, "How are you? Fine, thanks."), Said(4, 6, " Good.")};
  transcript.words = {{"How", 0, 0.5, {}}, {"are", 0.5, 1, {}},   {"you?", 1, 1.6, {}},
                      {"Fine,", 2, 3, {}}, {"thanks.", 3, 4, {}}, {"Good.", 4.5, 5, {}}};
  EXPECT_THAT(Lines(WhoSaidWhat(transcript, {{0, 1.7, 0}, {1.5, 4, 1}, {4.2, 6, 0}})),
              ElementsAre("0 0.0-1.6 How are you?", "1 2.0-4.0 Fine, thanks.", "0 4.5-5.0 Good."));
}

TEST(WhoSaidWhat, MeasuresByLettersWithoutTimesOfWords) {
  wire::Transcript transcript;
  transcript.segments = {Said(0, 10, "aaaa bbbb cccc dddd")};
  EXPECT_THAT(Lines(WhoSaidWhat(transcript, {{0, 5, 0}, {5, 10, 1}})),
              ElementsAre("0 0.0-4.7 aaaa bbbb", "1 4.7-10.0 cccc dddd"));
  // Words that are not those of the text are of no use.
  transcript.words = {{"other", 0, 1, {}}};
  EXPECT_EQ(WhoSaidWhat(transcript, {{0, 5, 0}, {5, 10, 1}}).size(), 2U);
}

TEST(WhoSaidWhat, TakesWhoIsNextWhereNobodySpeaks) {
  wire::Transcript transcript;
  transcript.segments = {Said(0, 1, "first"), Said(20, 21, "last")};
  EXPECT_THAT(Lines(WhoSaidWhat(transcript, {{2, 3, 1}, {10, 15, 0}})), ElementsAre("1 0.0-1.0 first", "0 20.0-21.0 last"));
  EXPECT_EQ(WhoSaidWhat(transcript, {})[0].speaker, -1);
  EXPECT_TRUE(WhoSaidWhat({}, {{0, 1, 0}}).empty());
  transcript.segments = {Said(0, 1, "  ")};
  EXPECT_TRUE(WhoSaidWhat(transcript, {{0, 1, 0}}).empty());
}

}  // namespace
}  // namespace hostler::app
