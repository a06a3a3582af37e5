// The golden files are the protocol: a difference is a new version or a new feature, never an accident.
// HOSTLER_WRITE_GOLDEN=1 writes those that are missing.
#include "wire/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace hostler::wire {
namespace {

const std::filesystem::path kGolden = HOSTLER_GOLDEN;

std::string ReadGolden(const std::string& name) {
  std::ifstream file(kGolden / (name + ".json"));
  std::stringstream text;
  text << file.rdbuf();
  return std::string(Trim(text.str()));
}

template <class T>
void ExpectGolden(const std::string& name, const T& value) {
  SCOPED_TRACE(name);
  const std::string encoded = json::ToJson(value);
  if (std::getenv("HOSTLER_WRITE_GOLDEN") != nullptr && !std::filesystem::exists(kGolden / (name + ".json"))) {
    std::ofstream(kGolden / (name + ".json")) << encoded << '\n';
  }
  EXPECT_EQ(ReadGolden(name), encoded);
  const auto decoded = json::Parse<T>(ReadGolden(name));
  ASSERT_TRUE(decoded) << decoded.error().Text();
  EXPECT_EQ(json::ToJson(*decoded), encoded);
}

TEST(Golden, Health) {
  ExpectGolden("health", Health{"ok", "classic", "0.1.0", 1, {"generate.control", "transcribe"}, 12.5, 2});
}

TEST(Golden, ModelList) {
  ModelRow loaded{"kokoro",      "kokoro",    model::MemoryState::kLoaded, std::string("/models/kokoro"), 310.5, std::nullopt,
                  1768473045.25, 1768473050.0};
  ModelRow failed{"broken",
                  "broken",
                  model::MemoryState::kError,
                  std::string("/models/broken"),
                  std::nullopt,
                  std::string("not a model"),
                  std::nullopt,
                  std::nullopt};
  ModelRow built_in{"espeak",     "espeak",    model::MemoryState::kUnloaded, std::nullopt, std::nullopt, std::nullopt,
                    std::nullopt, std::nullopt};
  ExpectGolden("model_list", ModelList{{loaded, failed, built_in}});
}

TEST(Golden, LoadAndUnload) {
  ExpectGolden("load_request_short", LoadRequest{"espeak", std::nullopt, std::nullopt});
  ExpectGolden("load_request", LoadRequest{"kokoro", "/models/kokoro", json::Any({{"grammar", "#JSGF V1.0;"}})});
  ExpectGolden("load_reply", LoadReply{"kokoro", model::MemoryState::kLoaded, 256.25, 2847.125, 2590.875, 8.25});
  ExpectGolden("load_progress", LoadProgress{"reading weights", 0.5});
  ExpectGolden("load_progress_unknown", LoadProgress{"opening", std::nullopt});
  ExpectGolden("unload_request", UnloadRequest{"kokoro"});
  ExpectGolden("unload_reply", UnloadReply{"kokoro", model::MemoryState::kUnloaded, 2847.125, 256.25, 2590.875, 0.5});
}

TEST(Golden, WhatAModelCanDo) {
  ExpectGolden("voice_list",
               VoiceList{{{"en-us", "English (America)", "en-us", "male"}, {"af_heart", "Heart", "en-us", "female"}}});
  Capabilities can;
  can.streaming = can.speed_control = can.voice_clone = true;
  can.speakers = {{"Vivian", "bright", "zh"}};
  can.languages = {"en-us", "de"};
  can.sample_rate = 24000;
  can.input_sample_rate = 16000;
  can.default_voice = "en-us";
  ExpectGolden("capabilities", can);
}

TEST(Golden, Generate) {
  ExpectGolden("control_request_short", ControlRequest{.text = "Hello."});
  ExpectGolden("control_request", ControlRequest{"kokoro", "Hello, \"wörld\".", "af_heart", "calm", 1.25, -0.5, 0.75, "en-us"});
  ExpectGolden("clone_request", CloneRequest{"qwen3", "Hello.", "UklGRg==", std::nullopt, "what is said", 1.0, "en"});
  ExpectGolden("clone_request_sample",
               CloneRequest{std::nullopt, "Hello.", std::nullopt, "anna.wav", std::nullopt, std::nullopt, std::nullopt});
  ExpectGolden("design_request", DesignRequest{"qwen3", "Hello.", "an old sailor", 0.5, "en"});
}

TEST(Golden, Transcribe) {
  ExpectGolden("transcribe_request", TranscribeRequest{"pocketsphinx", "en", "names", "#JSGF V1.0;", 0.25, false, true});
  ExpectGolden("segment", Segment{0, 0.5, 2.25, "hello world", -0.25, 0.125});
  ExpectGolden("transcript", Transcript{"hello world",
                                        "en",
                                        2.5,
                                        {{0, 0.5, 2.25, "hello world", std::nullopt, std::nullopt}},
                                        {{"hello", 0.5, 1, 0.75}, {"world", 1, 2.25, std::nullopt}}});
}

TEST(Golden, WhatATextModelCanDo) {
  Capabilities can;
  can.translate = true;
  can.diarize = false;
  can.text = TextAbilities{true, false, true, false, false, 1024, 32768, std::nullopt};
  ExpectGolden("capabilities_text", can);
  can.text = TextAbilities{.rerank = true, .context_length = 512, .probabilities = true};
  ExpectGolden("capabilities_rerank", can);
}

TEST(Golden, Diarize) {
  ExpectGolden("diarize_request", DiarizeRequest{"pyannote", 2, 0.5});
  ExpectGolden("diarize_reply", DiarizeReply{3.5, 2, {{0, 1.25, 0}, {1.5, 3.5, 1}}});
}

TEST(Golden, Vectors) {
  ExpectGolden("embed_request", EmbedRequest{"bge", {"hello", "world"}, false, true});
  ExpectGolden("embed_reply", EmbedReply{{{0.5F, -0.25F}, {1, 0}}, 4});
  ExpectGolden("rerank_request", RerankRequest{"bge-reranker", "what?", {"this", "that"}, std::nullopt});
  ExpectGolden("rerank_reply", RerankReply{{1.5, -3.25}, 9});
  ExpectGolden("sparse_request", SparseRequest{"splade", {"hello"}, 64, std::nullopt});
  ExpectGolden("sparse_reply", SparseReply{{{{3, 17}, {0.5F, 1.25F}, {"hel", "##lo"}}}, 4});
}

TEST(Golden, LogsAndErrors) {
  ExpectGolden("log_list", LogList{{{7, "2026-01-15 10:30:45,123", "INFO", "Loading model: kokoro", "classic"}}});
  ExpectGolden("error_reply", ErrorReply{{"not_found", "unknown voice \"bob\"", "GET /voices lists them.", "voice"}});
  ExpectGolden("error_reply_short", ErrorReply{{"internal", "it broke", std::nullopt, std::nullopt}});
}

TEST(Errors, ComeBackAsTheyWent) {
  for (const Code code : {Code::kInvalid, Code::kNotFound, Code::kConflict, Code::kTooLarge, Code::kUnsupported, Code::kForbidden,
                          Code::kUnavailable, Code::kBusy, Code::kTimeout, Code::kCancelled, Code::kUpstream, Code::kInternal}) {
    const Error sent{code, "message", "remedy", "field", {}};
    EXPECT_EQ(FromReply(StatusOf(code), ToReply(sent)), sent) << CodeName(code);
  }
}

TEST(Errors, KeepTheirOwnName) {
  const Error not_loaded = Error{Code::kConflict, "not loaded"}.Named("not_loaded");
  EXPECT_EQ(ToReply(not_loaded).error.code, "not_loaded");
  EXPECT_EQ(FromReply(StatusOf(not_loaded.code), ToReply(not_loaded)), not_loaded);
  const Error memory = Error{Code::kUnavailable, "no memory"}.Named("out_of_memory");
  EXPECT_EQ(FromReply(StatusOf(memory.code), ToReply(memory)), memory);
  const Error strange = FromReply(500, ErrorReply{{"load_failed", "broken", std::nullopt, std::nullopt}});
  EXPECT_EQ(strange.code, Code::kUpstream);
  EXPECT_EQ(strange.name, "load_failed");
}

TEST(Requests, UnknownAndMissingFieldsAreErrors) {
  const auto unknown = json::Parse<ControlRequest>(R"({"text":"a","voise":"b"})");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().Text(), testing::HasSubstr("voise"));
  const auto missing = json::Parse<LoadRequest>("{}");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().field, "model_id");
}

}  // namespace
}  // namespace hostler::wire
