// The engines of this tree keep the protocol; and the checker notices an engine that does not.
#include "conform/conform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

namespace hostler::conform {
namespace {

class ConformTest : public ::testing::Test {
 protected:
  Report Try(const std::string& program, Options options) {
    auto target = Target::Parse(std::string(HOSTLER_ENGINES) + "/" + program);
    if (!target) throw std::runtime_error(target.error().Text());
    Loop loop("conform");
    Result<Report> report;
    boost::asio::co_spawn(loop.executor(), Conform(*target, std::move(options)),
                          [&](const std::exception_ptr& thrown, Result<Report> result) {
                            if (!thrown) report = std::move(result);
                            loop.Stop();
                          });
    loop.RunHere();
    if (!report) throw std::runtime_error(report.error().Text());
    return *std::move(report);
  }
  static std::vector<std::string> Failures(const Report& report) {
    std::vector<std::string> failures;
    for (const Check& check : report.checks) {
      if (check.outcome == Outcome::kFailed) failures.push_back(Text(check));
    }
    return failures;
  }
  static std::size_t Done(const Report& report) {
    return static_cast<std::size_t>(
        std::count_if(report.checks.begin(), report.checks.end(), [](const Check& c) { return c.outcome == Outcome::kOk; }));
  }
};

TEST_F(ConformTest, TheFakeEngineConforms) {
  const Report report = Try("hostler-engine-fake", {.on_check = {}});
  EXPECT_THAT(Failures(report), ::testing::IsEmpty());
  EXPECT_GT(Done(report), 40U);
}

TEST_F(ConformTest, TheClassicEngineConforms) {
  for (const std::string model : {"espeak", "flite", "pocketsphinx"}) {
    const Report report = Try("hostler-engine-classic", {.model = model, .on_check = {}});
    EXPECT_THAT(Failures(report), ::testing::IsEmpty()) << model;
    EXPECT_GT(Done(report), 35U) << model;
  }
}

#ifdef HOSTLER_WITH_LLAMA
TEST_F(ConformTest, TheLlamaEngineConformsWithEveryModelOfSpeech) {
  for (const std::string model : {"tiny_qwen3tts/base", "tiny_qwen3tts/custom", "tiny_qwen3tts/design", "tiny_pocket"}) {
    const Report report = Try("hostler-engine-llama", {.model = {},
                                                       .files = std::string(HOSTLER_TEST_MODELS) + "/" + model,
                                                       .arguments = {"--threads", "1"},
                                                       .environment = {},
                                                       .on_check = {}});
    EXPECT_THAT(Failures(report), ::testing::IsEmpty()) << model;
    EXPECT_GT(Done(report), 35U) << model;
  }
}
#endif

TEST_F(ConformTest, NoticesAnEngineThatDoesNot) {
  const Report talks =
      Try("hostler-engine-fake", {.model = {}, .environment = {R"(HOSTLER_FAKE={"babble_stdout":10})"}, .on_check = {}});
  EXPECT_THAT(Failures(talks), ::testing::ElementsAre(::testing::HasSubstr("standard output")));
  const Report lies = Try("hostler-engine-fake",
                          {.model = {}, .environment = {R"(HOSTLER_FAKE={"garbage_answer":"capabilities"})"}, .on_check = {}});
  EXPECT_THAT(Failures(lies), ::testing::Contains(::testing::HasSubstr("GET /capabilities")));
  EXPECT_THROW(
      (void)Try("hostler-engine-fake", {.model = {}, .environment = {R"(HOSTLER_FAKE={"startup_exit":3})"}, .on_check = {}}),
      std::runtime_error);
}

TEST(Target, IsAProgramOrAnAddress) {
  EXPECT_EQ(Target::Parse("http://127.0.0.1:8766")->address.port, 8766);
  EXPECT_FALSE(Target::Parse("/no/such/program"));
}

}  // namespace
}  // namespace hostler::conform
