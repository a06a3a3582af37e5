#include "speech/blend.h"

#include <gtest/gtest.h>

namespace hostler::speech {
namespace {

TEST(Blend, OfVoicesWithAndWithoutWeights) {
  const auto shares = ParseBlend("af_heart(0.7)+am_adam");
  ASSERT_TRUE(shares);
  ASSERT_EQ(shares->size(), 2U);
  EXPECT_EQ((*shares)[0].voice, "af_heart");
  EXPECT_EQ((*shares)[0].weight, 0.7);
  EXPECT_EQ((*shares)[1].weight, 1);
  EXPECT_EQ(FormatBlend(*shares), "af_heart(0.7)+am_adam(1)");
  EXPECT_EQ(FormatBlend(*ParseBlend(" a ( 2 ) + b(.5) ")), "a(2)+b(0.5)");
  EXPECT_EQ(ParseBlend("a(3)")->size(), 1U);
}

TEST(Blend, RefusesWhatCannotBeMeant) {
  for (const char* text : {"",     "+",     "a+",     "+a",     "a++b",   "a(",      "a)",  "a(1", "a(1)b", "a()", "a(x)",
                           "a(0)", "a(-1)", "a(nan)", "a(inf)", "a(1e9)", "a(1)(2)", "a b", "ä",   "a/b",   "(1)", "a(1))"}) {
    const auto shares = ParseBlend(text);
    ASSERT_FALSE(shares) << text;
    EXPECT_EQ(shares.error().field, "voice") << text;
    EXPECT_FALSE(shares.error().remedy.empty()) << text;
  }
  std::string many = "a";
  for (int i = 0; i < 10; ++i) many += "+a";
  EXPECT_FALSE(ParseBlend(many));
}

TEST(Blend, IsNotEveryName) {
  EXPECT_FALSE(LooksLikeBlend("af_heart"));
  EXPECT_TRUE(LooksLikeBlend("en+f3"));  // a variant of espeak's: whoever knows the model's voices decides
}

}  // namespace
}  // namespace hostler::speech
