// The engine, behind a socket with models in its folder, keeps the protocol.
#include "conform/conform.h"

#include <gmock/gmock.h>

#include "engines/sherpa/testing/tiny_models.h"

namespace hostler::sherpa {
namespace {

TEST_F(SherpaTest, KeepsTheProtocol) {
  const std::vector<std::string> models = {"piper", "kokoro", "matcha", "nemo_ctc", "moonshine", "diarisation"};
  for (const std::string& name : models) {
    std::filesystem::create_directories(folder.path() / "models");
    std::filesystem::copy(TinyModel(name), folder.path() / "models" / name, std::filesystem::copy_options::recursive);
  }
  engine_sdk::testing::Served served(MakeSherpaEngine(), folder.path());
  for (const std::string& name : models) {
    Loop loop("conform");
    Result<conform::Report> report;
    boost::asio::co_spawn(loop.executor(),
                          conform::Conform({{}, served.endpoint()}, {.model = name, .environment = {}, .on_check = {}}),
                          [&](const std::exception_ptr& thrown, Result<conform::Report> result) {
                            if (!thrown) report = std::move(result);
                            loop.Stop();
                          });
    loop.RunHere();
    ASSERT_TRUE(report) << name << ": " << report.error().Text();
    int done = 0;
    for (const conform::Check& check : report->checks) {
      EXPECT_NE(check.outcome, conform::Outcome::kFailed) << name << ": " << conform::Text(check);
      done += check.outcome == conform::Outcome::kOk ? 1 : 0;
    }
    EXPECT_GT(done, 20) << name;
  }
}

}  // namespace
}  // namespace hostler::sherpa
