#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/gate.h"
#include "base/result.h"
#include "base/text.h"

namespace hostler {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Fail(Error{Code::kInvalid, "odd", "Send an even number", "n", {}});
  return n / 2;
}

Result<int> Quarter(int n) {
  HOSTLER_TRY(const int half, Half(n));
  HOSTLER_TRY(const int quarter, Half(half));
  return quarter;
}

TEST(ResultTest, TryPassesTheErrorUpAndBindsTheValue) {
  EXPECT_EQ(Quarter(12).value(), 3);
  ASSERT_FALSE(Quarter(6));
  EXPECT_EQ(Quarter(6).error().Text(), "n: odd. Send an even number");
}

TEST(GateTest, ShutLetsNobodyInAndTheLastOneOutLearnsIt) {
  Gate gate;
  ASSERT_TRUE(gate.Enter());
  ASSERT_TRUE(gate.Enter());
  EXPECT_EQ(gate.Leave(), Gate::Left::kOpen);
  EXPECT_FALSE(gate.Shut());
  EXPECT_FALSE(gate.Enter());
  EXPECT_EQ(gate.inside(), 1U);
  EXPECT_EQ(gate.Leave(), Gate::Left::kShutAndEmpty);
}

TEST(GateTest, ShuttingAnEmptyGateSaysSo) {
  Gate gate;
  EXPECT_TRUE(gate.Shut());
  EXPECT_TRUE(gate.is_shut());
}

TEST(GateTest, ExactlyOneOfManyThreadsIsLast) {
  for (int round = 0; round < 50; ++round) {
    Gate gate;
    std::atomic<int> last{0};
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(gate.Enter());
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          if (gate.Leave() == Gate::Left::kShutAndEmpty) ++last;
        });
      }
      if (gate.Shut()) ++last;
    }
    EXPECT_EQ(last, 1);
  }
}

TEST(TextTest, NearestFindsMisspellingsOnly) {
  const std::vector<std::string> words = {"port", "host", "log_level"};
  EXPECT_EQ(Nearest("prot", words), "port");
  EXPECT_EQ(Nearest("log-level", words), "log_level");
  EXPECT_EQ(Nearest("zebra_crossing", words), "");
}

TEST(TextTest, Utf8LengthCountsCodePointsAndRefusesBrokenText) {
  EXPECT_EQ(Utf8Length("héllo €𝄞"), 8U);
  EXPECT_EQ(Utf8Length("\xC0\xAF"), std::nullopt);          // overlong
  EXPECT_EQ(Utf8Length("\xED\xA0\x80"), std::nullopt);      // surrogate
  EXPECT_EQ(Utf8Length("\xF5\x80\x80\x80"), std::nullopt);  // beyond Unicode
  EXPECT_EQ(Utf8Length("ab\xE2\x82"), std::nullopt);        // cut off
}

TEST(TextTest, NearestDoesNotCompareWhatNobodyMistyped) {
  EXPECT_EQ(Nearest(std::string(8 << 20, 'k'), {std::string(300, 'k')}), "");
}

TEST(TextTest, ClipCutsBetweenCodePoints) {
  EXPECT_EQ(Clip("short", 5), "short");
  EXPECT_EQ(Clip("aaaaaaaaaa", 8), "aaaa …");
  for (std::size_t bytes = 4; bytes < 12; ++bytes) {
    const std::string clipped = Clip("äöüäöüäöüäöü", bytes);
    EXPECT_TRUE(Utf8Length(clipped)) << bytes;
    EXPECT_LE(clipped.size(), bytes);
  }
  EXPECT_LE(Clip(std::string(100, '\x80'), 10).size(), 10U);
}

TEST(TextTest, PrintableLeavesNothingThatMovesATerminal) {
  EXPECT_EQ(Printable("a\x1b[31m\nb\tc\x7f", "\n"), "a?[31m\nb?c?");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            "?31m");                                                       // U+009B: a whole control sequence introducer
  EXPECT_EQ(Printable("\xE2\x80\xAEtxt.exe\xE2\x80\xA8x"), "?txt.exe?x");  // right to left, line separator
  EXPECT_EQ(Printable("grün 日本 👍"), "grün 日本 👍");
  EXPECT_EQ(Printable("a\xFFz"), "a\xEF\xBF\xBDz");
}

TEST(TextTest, PercentDecodingRefusesBrokenEscapesAndNul) {
  EXPECT_EQ(PercentDecode("a%2Fb%20c+d"), "a/b c+d");
  EXPECT_EQ(PercentDecode("a+b", true), "a b");
  EXPECT_EQ(PercentDecode("%2"), std::nullopt);
  EXPECT_EQ(PercentDecode("%zz"), std::nullopt);
  EXPECT_EQ(PercentDecode("x%00"), std::nullopt);
  EXPECT_EQ(PercentEncode("a/b ü"), "a%2Fb%20%C3%BC");
}

TEST(TextTest, Base64RoundTripsEveryTailAndRefusesJunk) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(Base64Decode(Base64Encode(text)), text);
  }
  EXPECT_EQ(Base64Encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(Base64Decode("Zm9v!"), std::nullopt);
  EXPECT_EQ(Base64Decode("Z"), std::nullopt);
}

TEST(TextTest, HumanBytesUsesPowersOf1024) {
  EXPECT_EQ(HumanBytes(512), "512 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KB");
  EXPECT_EQ(HumanBytes(310.0 * 1024 * 1024), "310 MB");
}

TEST(ClockTest, LogTimeHasMillisecondsAfterAComma) {
  const std::string text = LogTime(WallClock::time_point(std::chrono::milliseconds(1768473045123)));
  EXPECT_EQ(ParseLogTime(text), WallClock::time_point(std::chrono::milliseconds(1768473045123)));
  EXPECT_EQ(ParseLogTime("yesterday"), std::nullopt);
  EXPECT_EQ(text.size(), 23U);
  EXPECT_EQ(text.substr(19), ",123");
  EXPECT_EQ(IsoTime(WallClock::time_point(std::chrono::milliseconds(1768473045123))), "2026-01-15T10:30:45.123Z");
}

}  // namespace
}  // namespace hostler
