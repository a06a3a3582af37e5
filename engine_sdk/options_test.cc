#include "engine_sdk/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostler::engine_sdk {
namespace {

using ::testing::HasSubstr;

TEST(Options, Defaults) {
  const auto options = ParseOptions({}, nullptr, nullptr);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->host, "127.0.0.1");
  EXPECT_EQ(options->port, 8766);
  EXPECT_EQ(options->log_level, log::Level::kInfo);
  EXPECT_FALSE(options->is_child());
}

TEST(Options, FlagsWinOverTheEnvironment) {
  const auto from_environment = ParseOptions({}, "9000", "debug");
  EXPECT_EQ(from_environment->port, 9000);
  EXPECT_EQ(from_environment->log_level, log::Level::kDebug);
  const auto both = ParseOptions({"--port", "9001", "--log-level=ERROR"}, "9000", "debug");
  EXPECT_EQ(both->port, 9001);
  EXPECT_EQ(both->log_level, log::Level::kError);
}

TEST(Options, AHandedOverSocketMakesAChild) {
  EXPECT_TRUE(ParseOptions({"--listen-fd", "3"}, nullptr, nullptr)->is_child());
  EXPECT_FALSE(ParseOptions({"--listen-fd", "3", "--base", "/x"}, nullptr, nullptr)->is_child());
}

TEST(Options, MistakesAreNamed) {
  EXPECT_EQ(ParseOptions({"--prot", "1"}, nullptr, nullptr).error().remedy, "Did you mean --port?");
  EXPECT_THAT(ParseOptions({"--port"}, nullptr, nullptr).error().message, HasSubstr("needs a value"));
  EXPECT_THAT(ParseOptions({"--port", "70000"}, nullptr, nullptr).error().message, HasSubstr("70000"));
  EXPECT_THAT(ParseOptions({}, "many", nullptr).error().message, HasSubstr("PORT"));
  EXPECT_FALSE(ParseOptions({}, nullptr, "loud"));
  EXPECT_FALSE(ParseOptions({"--threads", "0"}, nullptr, nullptr));
  EXPECT_FALSE(ParseOptions({"--listen-fd", "3", "--socket", "/x"}, nullptr, nullptr));
}

TEST(Options, HelpIsAlwaysThere) {
  EXPECT_TRUE(ParseOptions({"--nonsense", "--help"}, "bad", nullptr)->help);
  for (const char* flag : {"--host", "--port", "--socket", "--listen-fd", "--base", "--log-level", "--threads"}) {
    EXPECT_THAT(Usage("engine"), HasSubstr(flag));
  }
}

}  // namespace
}  // namespace hostler::engine_sdk
