#include "api/openai/speech_body.h"

#include <gtest/gtest.h>

namespace hostler::api::openai {
namespace {

Result<AskedSpeech> Read(std::string_view text) {
  HOSTLER_TRY(SpeechBody body, json::Parse<SpeechBody>(text));
  return AskedIn(std::move(body));
}

std::string FieldAtFault(std::string_view text) {
  const auto asked = Read(text);
  return asked ? "none" : asked.error().field;
}

TEST(SpeechBody, HasDefaults) {
  const auto asked = Read(R"({"input":"hi"})");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->request.format, media::Format::kMp3);
  EXPECT_EQ(asked->request.speed, 1);
  EXPECT_EQ(asked->request.voice, "");
  EXPECT_FALSE(asked->request.ssml);
  EXPECT_FALSE(asked->request.reference);
  EXPECT_EQ(asked->stream, StreamFormat::kAudio);
}

TEST(SpeechBody, TakesAVoiceAsNameOrObject) {
  EXPECT_EQ(Read(R"({"input":"hi","voice":"alloy"})")->request.voice, "alloy");
  EXPECT_EQ(Read(R"({"input":"hi","voice":{"id":"voice_1","more":2}})")->request.voice, "voice_1");
  EXPECT_EQ(Read(R"({"input":"hi","voice":null})")->request.voice, "");
  EXPECT_EQ(FieldAtFault(R"({"input":"hi","voice":3})"), "voice");
}

TEST(SpeechBody, TakesARecordingOrASample) {
  const auto audio = Read(R"({"input":"hi","reference_audio":"AAAA","clone_transcript":"hello"})");
  ASSERT_TRUE(audio && audio->request.reference);
  EXPECT_TRUE(audio->request.reference->base64);
  EXPECT_EQ(audio->request.reference->audio, "AAAA");
  EXPECT_EQ(audio->request.reference->transcript, "hello");
  EXPECT_EQ(audio->request.reference->field, "reference_audio");
  const auto sample = Read(R"({"input":"hi","sample":"bob"})");
  ASSERT_TRUE(sample && sample->request.reference);
  EXPECT_EQ(sample->request.reference->sample, "bob");
  EXPECT_EQ(sample->request.reference->field, "sample");
  EXPECT_EQ(FieldAtFault(R"({"input":"hi","sample":"bob","reference_audio":"AAAA"})"), "reference_audio");
  EXPECT_EQ(FieldAtFault(R"({"input":"hi","clone_transcript":"hello"})"), "clone_transcript");
}

TEST(SpeechBody, KnowsItsWords) {
  EXPECT_TRUE(Read(R"({"input":"hi","input_type":"ssml"})")->request.ssml);
  EXPECT_EQ(Read(R"({"input":"hi","stream_format":"sse"})")->stream, StreamFormat::kSse);
  EXPECT_EQ(FieldAtFault(R"({"input":"hi","input_type":"html"})"), "input_type");
  EXPECT_EQ(FieldAtFault(R"({"input":"hi","stream_format":"json"})"), "stream_format");
  EXPECT_EQ(FieldAtFault(R"({"input":"hi","response_format":"midi"})"), "response_format");
}

}  // namespace
}  // namespace hostler::api::openai
