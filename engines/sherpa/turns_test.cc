// Two "speakers": a low tone and a high one.
#include <gmock/gmock.h>

#include "engines/sherpa/library.h"
#include "engines/sherpa/testing/tiny_models.h"

namespace hostler::sherpa {
namespace {

using engine_sdk::Recording;

class TurnsTest : public SherpaTest {
 protected:
  static Recording Conversation(const std::vector<std::pair<double, double>>& tones) {
    Recording recording{16000, {}};
    for (const auto& [hz, seconds] : tones) AddTone(recording.samples, hz, seconds);
    return recording;
  }
  static wire::DiarizeReply Tell(engine_sdk::Model& model, const Recording& recording, const wire::DiarizeRequest& request = {}) {
    auto reply = model.Diarize(request, recording, {});
    if (!reply) throw std::runtime_error(reply.error().Text());
    return *std::move(reply);
  }
  static std::string Shown(const wire::DiarizeReply& reply) {
    std::string text;
    for (const wire::Turn& turn : reply.turns) text += fmt::format("{}:{:.0f}-{:.0f} ", turn.speaker, turn.start, turn.end);
    return text;
  }
};

TEST_F(TurnsTest, WhoSpeaksWhen) {
  const auto model = Load(TinyModel("diarisation"));
  const wire::Capabilities can = model->capabilities();
  EXPECT_EQ(can.diarize, true);
  EXPECT_FALSE(can.transcribe);
  EXPECT_EQ(can.input_sample_rate, 16000);
  const Recording two = Conversation({{1500, 4}, {200, 4}, {1500, 4}, {0, 2}, {200, 4}});
  const wire::DiarizeReply reply = Tell(*model, two);
  EXPECT_DOUBLE_EQ(reply.duration, 18);
  EXPECT_EQ(reply.speakers, 2);
  EXPECT_EQ(Shown(reply), "0:0-4 1:4-8 0:8-12 1:14-18 ");
  EXPECT_EQ(Shown(Tell(*model, two, {.speakers = 2})), Shown(reply));
  const wire::DiarizeReply one = Tell(*model, two, {.speakers = 1});
  EXPECT_EQ(one.speakers, 1);
  EXPECT_EQ(Tell(*model, two).speakers, 2) << "a wish is for one request";
  EXPECT_EQ(Tell(*model, two, {.threshold = 1}).speakers, 1);
  EXPECT_TRUE(Tell(*model, Conversation({{0, 5}})).turns.empty()) << "silence";
  EXPECT_TRUE(Tell(*model, Conversation({})).turns.empty());
  EXPECT_EQ(Tell(*model, Conversation({{200, 30}})).speakers, 1);
}

TEST_F(TurnsTest, StopsWhenNobodyWaits) {
  const auto model = Load(TinyModel("diarisation"));
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = model->Diarize({}, Conversation({{200, 60}}), stop.get_token());
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(stopped->turns.empty());
  EXPECT_EQ(Tell(*model, Conversation({{200, 5}})).speakers, 1) << "and goes on";
}

// The library's callback cannot say "stop", so the engine throws through it. That has to work, and to leave the model usable.
TEST_F(TurnsTest, TheLibraryCanBeLeftThroughItsCallback) {
  ASSERT_TRUE(OpenLibrary());
  const std::string segmentation = TinyModel("diarisation") / "segmentation-3-0.onnx";
  const std::string embedding = TinyModel("diarisation") / "embedding.onnx";
  abi::DiarizationConfig config;
  config.segmentation.pyannote.model = segmentation.c_str();
  config.embedding.model = embedding.c_str();
  const Diarization diarization(abi::SherpaOnnxCreateOfflineSpeakerDiarization(&config));
  ASSERT_TRUE(diarization);
  std::vector<float> samples;
  for (const std::int16_t sample : Conversation({{200, 30}}).samples) samples.push_back(static_cast<float>(sample) / 32768);
  const auto process = [&](abi::ProgressCallback callback, int& calls) {
    return Guarded("tell", [&] {
      const DiarizationResult result(abi::SherpaOnnxOfflineSpeakerDiarizationProcessWithCallback(
          diarization.get(), samples.data(), static_cast<std::int32_t>(samples.size()), callback, &calls));
      return result != nullptr;
    });
  };
  int calls = 0;
  const auto leave = [](std::int32_t, std::int32_t, void* arg) -> std::int32_t {
    ++*static_cast<int*>(arg);
    throw Stopped{};
  };
  EXPECT_EQ(process(leave, calls).error().code, Code::kCancelled);
  EXPECT_EQ(calls, 1);
  const auto stay = [](std::int32_t, std::int32_t, void* arg) -> std::int32_t { return ++*static_cast<int*>(arg) * 0; };
  EXPECT_TRUE(process(stay, calls));
  EXPECT_GT(calls, 5) << "it is asked often";
}

TEST_F(TurnsTest, WrongNumbersAreRefused) {
  const auto model = Load(TinyModel("diarisation"));
  EXPECT_EQ(model->Diarize({.speakers = 0}, Conversation({{200, 2}}), {}).error().field, "speakers");
  EXPECT_EQ(model->Diarize({.threshold = 1.5}, Conversation({{200, 2}}), {}).error().field, "threshold");
  EXPECT_EQ(TryLoad(TinyModel("diarisation"), {{"shortest_turn", -1}}).error().field, "options.shortest_turn");
  EXPECT_FALSE(model->Transcribe({}, Conversation({{200, 2}}), {}, {}));
}

TEST_F(TurnsTest, ModelsThatDoNotSayWhatTheyAre) {
  const auto copy = Copy("diarisation");
  std::filesystem::copy_file(TinyModel("nemo_ctc") / "model.int8.onnx", copy / "embedding.onnx",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(TryLoad(copy).error().message, ::testing::HasSubstr("embedding.onnx does not say its framework"));
}

}  // namespace
}  // namespace hostler::sherpa
