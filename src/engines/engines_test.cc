// The small parts of this room that need no engine.
#include <gtest/gtest.h>

#include "engines/bucket.h"
#include "engines/tail.h"

namespace hostler::engines {
namespace {

TEST(Bucket, LetsABurstThroughAndThenSoManyASecond) {
  const Clock::time_point start{};
  Bucket bucket(10, 5, start);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(bucket.Take(start)) << i;
  EXPECT_FALSE(bucket.Take(start));
  EXPECT_FALSE(bucket.Take(start + std::chrono::milliseconds(100)));
  EXPECT_TRUE(bucket.Take(start + std::chrono::milliseconds(300)));
  EXPECT_FALSE(bucket.Take(start + std::chrono::milliseconds(300)));
  int taken = 0;
  while (bucket.Take(start + std::chrono::hours(1))) ++taken;
  EXPECT_EQ(taken, 10);  // no more than the burst, however long it rested
}

TEST(Tail, IsSafeToShow) {
  Tail tail;
  tail.Feed("\x1b[2J\x1b]0;title\x07\tplain\n");
  tail.Feed("caf\xc3\xa9\n\xff\xfe binary");
  tail.Feed(std::string_view("\0\x7f\n", 3));
  EXPECT_EQ(tail.Lines(), (std::vector<std::string>{"?[2J?]0;title?\tplain", "caf\xc3\xa9", "?? binary??"}));
}

TEST(Tail, KeepsLittleOfEndlessLines) {
  Tail tail;
  const std::string much(1 << 20, 'x');
  for (int i = 0; i < 10; ++i) tail.Feed(much);
  tail.Feed("\nend\n");
  EXPECT_EQ(tail.Lines(), (std::vector<std::string>{std::string(Tail::kLongestLine, 'x'), "end"}));
}

}  // namespace
}  // namespace hostler::engines
