#include "log/log.h"

#include <gtest/gtest.h>

namespace hostler::log {
namespace {

TEST(LogTest, LinesHaveTheFormatOfTheSpecification) {
  const Line line{WallClock::now(), Level::kInfo, "x", "Loading model: kokoro"};
  EXPECT_TRUE(line.Text().ends_with(" | INFO | Loading model: kokoro"));
  EXPECT_EQ(line.Text().size(), 23 + std::string(" | INFO | Loading model: kokoro").size());
}

TEST(LogTest, ThresholdDropsLowerLines) {
  Log log("hostler", Level::kWarning, false);
  log.Info("quiet {}", 1);
  log.Error("loud {}", 2);
  const auto batch = log.ring().Read(0);
  ASSERT_EQ(batch.entries.size(), 1U);
  EXPECT_EQ(batch.entries[0].entry->message, "loud 2");
}

TEST(LogTest, HostileLinesAreMadeHarmless) {
  Log log("hostler", Level::kDebug, false);
  log.Append({WallClock::now(), Level::kInfo, "engine", "a\nb\x1b[31m\xC3("});
  log.Append({WallClock::now(), Level::kInfo, "engine", std::string(100'000, 'x')});
  const auto batch = log.ring().Read(0);
  EXPECT_EQ(batch.entries[0].entry->message, "a / b?[31m\xEF\xBF\xBD(");
  EXPECT_LT(batch.entries[1].entry->message.size(), 10'000U);
}

// A line that is cut off keeps its letters, and one line stays one line in every reader.
TEST(LogTest, LongAndStrangeLinesStayLegible) {
  Log log("hostler", Level::kDebug, false);
  std::string umlauts = "x";
  for (int i = 0; i < 10'000; ++i) umlauts += "ü";
  log.Append({WallClock::now(), Level::kInfo, "engine", umlauts});
  log.Append({WallClock::now(), Level::kInfo, "engine",
              "a\xC2\x9B"
              "2Jb\xE2\x80\xA8"
              "c\r\nd"});
  const auto batch = log.ring().Read(0);
  EXPECT_TRUE(batch.entries[0].entry->message.starts_with("xüüü"));
  EXPECT_EQ(batch.entries[1].entry->message, "a?2Jb?c? / d");
}

TEST(LogTest, LevelsParseInAnyCase) {
  EXPECT_EQ(ParseLevel("debug"), Level::kDebug);
  EXPECT_EQ(ParseLevel("Warn"), Level::kWarning);
  EXPECT_FALSE(ParseLevel("loud"));
}

}  // namespace
}  // namespace hostler::log
