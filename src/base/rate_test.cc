#include "base/rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Rate, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(ParseRate("500"), 500u);
  EXPECT_EQ(ParseRate("800k"), 800'000u);
  EXPECT_EQ(ParseRate("20M"), 20'000'000u);
  EXPECT_EQ(ParseRate(" 1.5GB/s "), 1'500'000'000u);
  EXPECT_EQ(ParseRate("0"), 0u);
  EXPECT_EQ(ParseRate("OFF"), 0u);
}

TEST(Rate, RefusesWhatIsNone) {
  for (const char* text : {"", "M", "-1", "20X", "20MM", "1e9999", "1e3", "nan", "inf", "0.5", "20M/h", "9999999999G"})
    EXPECT_FALSE(ParseRate(text)) << text;
  EXPECT_THAT(ParseRate("fast").error().Text(), HasSubstr("\"fast\" is no rate"));
}

TEST(Rate, HasASchedule) {
  const auto spans = ParseRateSchedule("08:00-18:00=2M, 23:00-06:00=off");
  ASSERT_TRUE(spans);
  EXPECT_THAT(*spans, ElementsAre(RateSpan{480, 1080, 2'000'000}, RateSpan{1380, 360, 0}));
  EXPECT_EQ(RateAt(*spans, 480, 7), 2'000'000u);
  EXPECT_EQ(RateAt(*spans, 1080, 7), 7u);
  EXPECT_EQ(RateAt(*spans, 1439, 7), 0u);
  EXPECT_EQ(RateAt(*spans, 0, 7), 0u);
  EXPECT_EQ(RateAt(*spans, 360, 7), 7u);
  EXPECT_THAT(*ParseRateSchedule("  "), ElementsAre());
}

TEST(Rate, NamesTheBrokenPartOfASchedule) {
  EXPECT_THAT(ParseRateSchedule("08:00-18:00").error().Text(), HasSubstr("no part of a schedule"));
  EXPECT_THAT(ParseRateSchedule("08:00-08:00=1M").error().Text(), HasSubstr("\"08:00-08:00\""));
  EXPECT_THAT(ParseRateSchedule("08:00-25:00=1M").error().Text(), HasSubstr("no span of a day"));
  EXPECT_THAT(ParseRateSchedule("8-9=1M").error().Text(), HasSubstr("no span of a day"));
  EXPECT_THAT(ParseRateSchedule("08:00-09:00=quick").error().Text(), HasSubstr("\"quick\" is no rate"));
}

}  // namespace
}  // namespace hostler
