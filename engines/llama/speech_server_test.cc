// Models of speech behind the engine's own server: several at once, asked at the same time, loaded and unloaded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>

#include "base/text.h"
#include "engine_sdk/testing/harness.h"
#include "engines/llama/llama.h"

namespace hostler::llama {
namespace {

namespace fs = std::filesystem;
using engine_sdk::testing::Caller;
using engine_sdk::testing::Served;
using engine_sdk::testing::TempFolder;

class SpeechServerTest : public ::testing::Test {
 protected:
  SpeechServerTest() {
    ::setenv("HOSTLER_GGML_CPU", HOSTLER_TEST_CPU, 1);
    const fs::path made = HOSTLER_TEST_MODELS;
    for (const char* name : {"base", "custom", "design"}) fs::copy(made / "tiny_qwen3tts" / name, models() / name);
    fs::copy(made / "tiny_pocket", models() / "pocket");
  }
  [[nodiscard]] fs::path models() const {
    fs::create_directories(base_.path() / "models");
    return base_.path() / "models";
  }
  static std::string Load(Caller& caller, const std::string& id) {
    const auto reply = caller.Post("/models/load", R"({"model_id":")" + id + R"(","options":{"seed":7,"max_seconds":1}})");
    return reply.status == 200 ? "loaded" : reply.body;
  }
  // A second of a low tone, as a WAV in base64.
  static std::string Tone() {
    std::string samples;
    for (int i = 0; i < 24'000; ++i) samples += {'\0', static_cast<char>(i / 100 % 2 == 0 ? 20 : -20)};
    return Base64Encode(std::string("RIFF\xA4\xBB\0\0WAVEfmt \x10\0\0\0\1\0\1\0\xC0\x5D\0\0\x80\xBB\0\0\2\0\x10\0"
                                    "data\x80\xBB\0\0",
                                    44) +
                        samples);
  }
  static http::Response Speak(Caller& caller, const std::string& id) {
    const std::string head = R"({"model_id":")" + id + R"(","text":"hello world",)";
    if (id == "custom") return caller.Post("/generate/control", head + R"("voice":"Vivian"})");
    if (id == "design") return caller.Post("/generate/design", head + R"("description":"a child"})");
    return caller.Post("/generate/clone", head + R"("reference_audio":")" + Tone() + "\"}");
  }

  TempFolder base_;
};

TEST_F(SpeechServerTest, SeveralModelsSpeakAtTheSameTimeAndLeaveOneByOne) {
  const std::vector<std::string> ids = {"base", "custom", "design", "pocket"};
  Served served(MakeLlamaEngine(), base_.path());
  Caller caller(served.endpoint());
  std::map<std::string, std::string> alone;
  for (const std::string& id : ids) {
    ASSERT_EQ(Load(caller, id), "loaded");
    const auto spoken = Speak(caller, id);
    ASSERT_EQ(spoken.status, 200U) << id << spoken.body;
    EXPECT_EQ(spoken.headers.Get("X-Sample-Rate"), "24000");
    EXPECT_GE(spoken.body.size(), 24'000U) << id;
    alone[id] = spoken.body;
  }
  EXPECT_EQ(caller.As<wire::Health>(caller.Get("/health")).models_loaded, 4);
  std::vector<std::future<std::string>> together;
  for (const std::string& id : ids) {
    together.push_back(std::async(std::launch::async, [&served, id] {
      Caller one(served.endpoint());
      return Speak(one, id).body;
    }));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(together[i].get(), alone[ids[i]]) << ids[i];
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(caller.Post("/models/unload", R"({"model_id":")" + ids[i] + "\"}").status, 200U);
    EXPECT_EQ(Caller::ErrorCode(Speak(caller, ids[i])), "not_loaded");
    if (i + 1 < ids.size()) EXPECT_EQ(Speak(caller, ids[i + 1]).body, alone[ids[i + 1]]);
  }
  EXPECT_EQ(caller.As<wire::Health>(caller.Get("/health")).models_loaded, 0);
}

TEST_F(SpeechServerTest, UnloadingGivesTheMemoryBack) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers hold freed memory back on purpose";
#endif
  Served served(MakeLlamaEngine(), base_.path());
  Caller caller(served.endpoint());
  const auto round = [&] {
    EXPECT_EQ(Load(caller, "base"), "loaded");
    EXPECT_EQ(Speak(caller, "base").status, 200U);
    return caller.As<wire::UnloadReply>(caller.Post("/models/unload", R"({"model_id":"base"})")).memory_after_mb;
  };
  round();  // what a process keeps for ever: backends, arenas
  const double first = round();
  double last = 0;
  for (int i = 0; i < 8; ++i) last = round();
  EXPECT_LT(last, first + 8) << "eight loads of a model of tens of MB";
}

TEST_F(SpeechServerTest, ListsItsModelsAndTellsItsFeatures) {
  Served served(MakeLlamaEngine(), base_.path());
  Caller caller(served.endpoint());
  std::vector<std::string> ids;
  for (const auto& row : caller.As<wire::ModelList>(caller.Get("/models")).models) ids.push_back(row.id);
  EXPECT_THAT(ids, ::testing::UnorderedElementsAre("base", "custom", "design", "pocket"));
  EXPECT_THAT(caller.As<wire::Health>(caller.Get("/health")).features, ::testing::Contains("generate.design"));
}

}  // namespace
}  // namespace hostler::llama
