// Really loads and really decodes, with tiny models that say a fixed text for every 30 s (tests/models/tiny_whisper.py): what is
// tested is everything but the quality.
#include "engines/whisper/whisper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/text.h"
#include "engine_sdk/testing/harness.h"
#include "engines/whisper/pieces.h"
#include "media/media.h"
#include "os/files.h"

namespace hostler::whisper {
namespace {

using engine_sdk::Model;
using engine_sdk::Recording;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kModels = HOSTLER_TEST_MODELS;
const fs::path kMany = kModels / "ggml-tiny-test.bin";
const fs::path kEnglish = kModels / "ggml-tiny-test.en.bin";
constexpr const char* kScript = "one two three four";

// A tone in the given seconds, else silence.
Recording Sound(double seconds, const std::vector<std::pair<double, double>>& loud = {{0, 1e9}}) {
  Recording recording{kRate, std::vector<std::int16_t>(static_cast<std::size_t>(seconds * kRate))};
  for (std::size_t i = 0; i < recording.samples.size(); ++i) {
    const double at = static_cast<double>(i) / kRate;
    for (const auto& [begin, end] : loud) {
      if (at >= begin && at < end) recording.samples[i] = static_cast<std::int16_t>(std::lround(9000 * std::sin(2000 * at)));
    }
  }
  return recording;
}

class WhisperTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Model>> TryLoad(const fs::path& path, json::Any options = {{"beam_size", 1}}) {
    engine_sdk::LoadContext context;
    context.model_id = "tiny";
    context.path = path;
    context.options = std::move(options);
    context.threads = 1;
    context.log = &log_;
    context.progress = [&](std::string_view, std::optional<double> fraction) {
      if (fraction) fractions_.push_back(*fraction);
    };
    return engine_->Load(context);
  }
  std::unique_ptr<Model> Load(const fs::path& path, json::Any options = {{"beam_size", 1}}) {
    auto model = TryLoad(path, std::move(options));
    if (!model) throw std::runtime_error(model.error().Text());
    return *std::move(model);
  }
  static wire::Transcript Hear(Model& model, const Recording& recording, wire::TranscribeRequest request = {}) {
    auto transcript = model.Transcribe(request, recording, {}, {});
    if (!transcript) throw std::runtime_error(transcript.error().Text());
    return *std::move(transcript);
  }
  static Error Refused(Model& model, wire::TranscribeRequest request) {
    auto transcript = model.Transcribe(request, Sound(1), {}, {});
    return transcript ? Error{Code::kInternal, "it was not refused: " + transcript->text} : transcript.error();
  }

  log::Log log_{"test", log::Level::kWarning, false};
  std::unique_ptr<engine_sdk::Engine> engine_ = MakeWhisperEngine();
  std::vector<double> fractions_;
};

TEST_F(WhisperTest, SaysWhatItCanDoAndHowFarALoadIs) {
  const auto many = Load(kMany);
  EXPECT_TRUE(many->capabilities().transcribe);
  EXPECT_TRUE(many->capabilities().word_times);
  EXPECT_TRUE(many->capabilities().translate.value_or(false));
  EXPECT_EQ(many->capabilities().input_sample_rate, 16000);
  EXPECT_EQ(many->capabilities().languages.size(), 100U);
  EXPECT_THAT(Load(kEnglish)->capabilities().languages, ElementsAre("en"));
  EXPECT_GT(fractions_.size(), 20U);
  EXPECT_GT(*std::max_element(fractions_.begin(), fractions_.end()), 0.9);
}

TEST_F(WhisperTest, WritesDownWithSegmentsAndWords) {
  const auto model = Load(kMany);
  const wire::Transcript heard = Hear(*model, Sound(10), {.language = "en", .words = true});
  EXPECT_EQ(heard.text, kScript);
  EXPECT_EQ(heard.language, "en");
  EXPECT_DOUBLE_EQ(heard.duration, 10);
  ASSERT_EQ(heard.segments.size(), 2U);
  EXPECT_EQ(heard.segments[0].text, "one two");
  EXPECT_EQ(heard.segments[1].text, " three four") << "with the blank that belongs before it";
  EXPECT_DOUBLE_EQ(heard.segments[0].start, 0);
  EXPECT_DOUBLE_EQ(heard.segments[0].end, 2);
  EXPECT_DOUBLE_EQ(heard.segments[1].end, 4);
  EXPECT_NEAR(heard.segments[1].avg_logprob.value.value_or(-9), 0, 0.1);
  EXPECT_LT(heard.segments[1].no_speech_prob.value.value_or(9), 0.1);
  ASSERT_EQ(heard.words.size(), 4U);
  EXPECT_EQ(heard.words[3].word, "four");
  double last = 0;
  for (const wire::Word& word : heard.words) {
    EXPECT_GE(word.start, last) << word.word;
    EXPECT_GE(word.end, word.start) << word.word;
    last = word.end;
  }
  EXPECT_LE(last, 4.5);
  EXPECT_TRUE(Hear(*model, Sound(2), {.language = "en"}).words.empty()) << "not asked for";
}

TEST_F(WhisperTest, TimesStayInTheRecording) {
  const auto model = Load(kMany);
  for (const double seconds : {0.0001, 0.05, 0.1, 0.5, 3.0, 31.0}) {
    const wire::Transcript heard = Hear(*model, Sound(seconds), {.words = true});
    for (const wire::Segment& segment : heard.segments) {
      EXPECT_LE(segment.start, segment.end);
      EXPECT_LE(segment.end, heard.duration + 0.001) << seconds;
    }
    for (const wire::Word& word : heard.words) EXPECT_LE(word.end, heard.duration + 0.001) << seconds;
  }
}

TEST_F(WhisperTest, FindsOutTheLanguageOrIsTold) {
  const auto model = Load(kMany);
  EXPECT_EQ(Hear(*model, Sound(5)).language, "de") << "the script's own";
  EXPECT_EQ(Hear(*model, Sound(5), {.language = "auto"}).language, "de");
  EXPECT_EQ(Hear(*model, Sound(5), {.language = "French"}).language, "fr");
  EXPECT_EQ(Hear(*Load(kEnglish), Sound(5)).language, "en");
  const Error unknown = Refused(*model, {.language = "englich"});
  EXPECT_EQ(unknown.field, "language");
  EXPECT_THAT(unknown.remedy, HasSubstr("english"));
  EXPECT_EQ(Refused(*Load(kEnglish), {.language = "de"}).code, Code::kUnsupported);
}

TEST_F(WhisperTest, TranslatesAndMendsACharacterThatIsCutBySegments) {
  const auto model = Load(kMany);
  const wire::Transcript heard = Hear(*model, Sound(10), {.language = "fr", .translate = true, .words = true});
  EXPECT_EQ(heard.text, "café au lait");
  ASSERT_EQ(heard.segments.size(), 2U);
  EXPECT_EQ(heard.segments[0].text, "caf");
  EXPECT_EQ(heard.segments[1].text, "é au lait");
  for (const wire::Word& word : heard.words) EXPECT_TRUE(Utf8Length(word.word)) << word.word;
  const Error refused = Refused(*Load(kEnglish), {.translate = true});
  EXPECT_EQ(refused.field, "translate");
  EXPECT_EQ(refused.code, Code::kUnsupported);
}

TEST_F(WhisperTest, RefusesWhatItCannotDo) {
  const auto model = Load(kEnglish);
  EXPECT_EQ(Refused(*model, {.grammar = "#JSGF V1.0;"}).field, "grammar");
  EXPECT_EQ(Refused(*model, {.temperature = 1.5}).field, "temperature");
  EXPECT_EQ(Refused(*model, {.temperature = std::nan("")}).field, "temperature");
  EXPECT_EQ(Refused(*model, {.prompt = std::string("a\0b", 3)}).field, "prompt");
}

TEST_F(WhisperTest, TheSameRequestGetsTheSameAnswer) {
  const auto model = Load(kMany);
  for (const double temperature : {0.0, 0.8}) {
    const wire::TranscribeRequest request{.prompt = "Names: Ada, Grace.", .temperature = temperature, .words = true};
    const std::string first = json::ToJson(Hear(*model, Sound(35), request));
    EXPECT_EQ(json::ToJson(Hear(*model, Sound(35), request)), first) << temperature;
    EXPECT_EQ(json::ToJson(Hear(*Load(kMany), Sound(35), request)), first) << temperature << ", loaded again";
  }
}

TEST_F(WhisperTest, TakesPromptsOfAnyLength) {
  const auto model = Load(kMany);
  EXPECT_EQ(Hear(*model, Sound(3), {.prompt = std::string(2 << 20, 'a')}).text, kScript);
  std::string words;
  for (int i = 0; i < 50'000; ++i) words += "é, 1 ";
  EXPECT_EQ(Hear(*model, Sound(3), {.prompt = words}).text, kScript);
  EXPECT_EQ(Hear(*model, Sound(3), {.prompt = ""}).text, kScript);
}

TEST_F(WhisperTest, FollowsSeveralGuesses) {
  EXPECT_EQ(Hear(*Load(kMany, {{"beam_size", 2}, {"best_of", 2}}), Sound(3)).text, kScript);
  for (const char* name : {"beam_size", "best_of"}) {
    for (const int value : {0, -1, 9}) {
      const auto refused = TryLoad(kMany, {{name, value}});
      ASSERT_FALSE(refused) << name << value;
      EXPECT_EQ(refused.error().field, std::string("options.") + name);
    }
  }
  EXPECT_EQ(TryLoad(kMany, {{"beams", 2}}).error().code, Code::kInvalid);
}

TEST_F(WhisperTest, StopsWhenNobodyListens) {
  const auto model = Load(kMany);
  std::stop_source stop;
  int segments = 0;
  const std::function<void(const wire::Segment&)> on_segment = [&](const wire::Segment&) {
    if (++segments == 3) stop.request_stop();
  };
  (void)model->Transcribe({}, Sound(1300), on_segment, stop.get_token());
  EXPECT_LE(segments, 4) << "87 were to come";
  EXPECT_EQ(Hear(*model, Sound(3)).text, kScript) << "and it goes on";
}

TEST_F(WhisperTest, HearsLongRecordingsInPieces) {
  const auto model = Load(kMany);
  std::vector<wire::Segment> told;
  const std::function<void(const wire::Segment&)> on_segment = [&](const wire::Segment& segment) { told.push_back(segment); };
  const auto heard = model->Transcribe({}, Sound(700), on_segment, {});
  ASSERT_TRUE(heard) << heard.error().Text();
  EXPECT_GE(heard->segments.size(), 46U);
  EXPECT_EQ(json::ToJson(told), json::ToJson(heard->segments)) << "as they came";
  std::string text;
  for (std::size_t i = 0; i < told.size(); ++i) {
    text += told[i].text;
    EXPECT_EQ(told[i].id, static_cast<int>(i));
    if (i > 0) EXPECT_GE(told[i].start, told[i - 1].start);
  }
  EXPECT_EQ(heard->text, text);
  EXPECT_GT(told.back().start, 680);
}

TEST_F(WhisperTest, LeavesSilenceOutAndKeepsTheTimes) {
  const auto model = Load(kMany);  // the model for it lies beside the weights
  const Recording recording = Sound(60, {{20, 24}, {50, 53}});
  const wire::Transcript heard = Hear(*model, recording, {.language = "en", .words = true, .vad = true});
  ASSERT_EQ(heard.segments.size(), 2U) << "seven seconds are left, that is one window";
  EXPECT_EQ(heard.text, kScript);
  EXPECT_NEAR(heard.segments[0].start, 20, 0.3);
  EXPECT_GT(heard.segments[1].start, 21);
  EXPECT_LT(heard.words.back().end, 25);
  EXPECT_DOUBLE_EQ(heard.duration, 60);

  const wire::Transcript silence = Hear(*model, Sound(5, {}), {.vad = true});
  EXPECT_EQ(silence.text, "");
  EXPECT_EQ(silence.language, "und");
  // What was left out before does not touch a request that leaves nothing out.
  EXPECT_NEAR(Hear(*model, recording, {.language = "en"}).segments[0].start, 0, 0.01);
}

TEST_F(WhisperTest, AVoiceActivityModelIsFoundNamedOrMissed) {
  engine_sdk::testing::TempFolder folder;
  const fs::path weights = folder.path() / "ggml-tiny.bin";
  fs::copy_file(kMany, weights);
  const auto without = Load(weights);
  const Error missing = Refused(*without, {.vad = true});
  EXPECT_EQ(missing.field, "vad");
  EXPECT_THAT(missing.remedy, HasSubstr("vad_model"));

  const auto named = Load(weights, {{"beam_size", 1}, {"vad_model", (kModels / "ggml-silero-test.bin").string()}});
  EXPECT_EQ(Hear(*named, Sound(3, {}), {.vad = true}).text, "");
  EXPECT_EQ(TryLoad(weights, {{"vad_model", "nothing.bin"}}).error().field, "options.vad_model");
  EXPECT_EQ(TryLoad(weights, {{"vad_model", "ggml-tiny.bin"}}).error().field, "options.vad_model");

  std::ofstream(folder.path() / "ggml-silero-broken.bin") << "no model";
  EXPECT_EQ(Refused(*Load(weights), {.vad = true}).field, "vad") << "a broken one that was only found does no harm";
}

TEST_F(WhisperTest, TakesAFolderWithOneModel) {
  EXPECT_THAT(TryLoad(kModels).error().message, HasSubstr("several models"));
  engine_sdk::testing::TempFolder folder;
  EXPECT_EQ(TryLoad(folder.path()).error().code, Code::kInvalid);
  EXPECT_FALSE(engine_->Recognises(folder.path()));
  fs::copy_file(kEnglish, folder.path() / "weights.bin");
  fs::copy_file(kModels / "ggml-silero-test.bin", folder.path() / "a-silero.bin");
  EXPECT_TRUE(engine_->Recognises(folder.path()));
  EXPECT_EQ(Hear(*Load(folder.path()), Sound(3), {.vad = true}).text, kScript);
  EXPECT_FALSE(engine_->Recognises(folder.path() / "a-silero.bin"));
}

// A tensor that has another name or shape: whisper.cpp notices, and says so.
TEST_F(WhisperTest, RefusesWeightsOfAnotherKind) {
  engine_sdk::testing::TempFolder folder;
  const fs::path file = folder.path() / "model.bin";
  const std::string whole = *os::ReadFile(kEnglish);
  const auto load = [&](std::string_view from, std::string_view to) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(file, std::ios::binary) << changed;
    return TryLoad(file);
  };
  EXPECT_THAT(load("decoder.ln.bias", "decoder.ln.bios").error().message, HasSubstr("unknown tensor 'decoder.ln.bios'"));
  EXPECT_THAT(load("decoder.ln.bias", "encoder.ln.bias").error().message, HasSubstr("unknown tensor"));
  EXPECT_THAT(load("encoder.conv1.weight", "encoder.conv2.weight").error().message, HasSubstr("wrong"));
  // The head says that the weights are of another type than they are.
  std::string quantised = whole;
  quantised[4 + 4 * 10] = 2;
  std::ofstream(file, std::ios::binary) << quantised;
  EXPECT_THAT(TryLoad(file).error().message, HasSubstr("wrong size"));
}

TEST_F(WhisperTest, IsServedAsAnEngine) {
  engine_sdk::testing::TempFolder folder;
  fs::create_directories(folder.path() / "models");
  fs::copy_file(kMany, folder.path() / "models" / "tiny.bin");
  engine_sdk::testing::Served served(MakeWhisperEngine(), folder.path());
  engine_sdk::testing::Caller caller(served.endpoint());
  EXPECT_THAT(caller.Get("/models").body, HasSubstr("\"tiny.bin\""));
  const auto loaded = caller.Post("/models/load", R"({"model_id":"tiny.bin","options":{"beam_size":1}})");
  ASSERT_EQ(loaded.status, 200U) << loaded.body;
  media::Audio audio{kRate, 1, Sound(3).samples};
  const auto heard = caller.Post("/transcribe?language=en&words=true", media::ToWav(audio), {{"Content-Type", "audio/wav"}});
  EXPECT_EQ(caller.As<wire::Transcript>(heard).text, kScript);
  http::Request request{.method = http::Method::kPost, .target = "/transcribe", .headers = {{"Accept", "text/event-stream"}}};
  request.body = media::ToWav(audio);
  auto stream = caller.Open(std::move(request));
  EXPECT_EQ(stream.ReadEvent().event, "segment");
  EXPECT_EQ(stream.ReadEvent().event, "segment");
  EXPECT_EQ(stream.ReadEvent().event, "done");
}

}  // namespace
}  // namespace hostler::whisper
