// Tiny models that hear letters where nobody says any: what they hear is made up, when they hear it is not.
#include <gmock/gmock.h>

#include "base/text.h"
#include "engines/sherpa/library.h"
#include "engines/sherpa/pieces.h"
#include "engines/sherpa/testing/tiny_models.h"
#include "engines/sherpa/words.h"

namespace hostler::sherpa {
namespace {

using engine_sdk::Recording;
using ::testing::HasSubstr;

// So many seconds in which something is to be heard.
Samples Babble(double seconds) {
  Samples samples;
  for (int i = 0; samples.size() < static_cast<std::size_t>(seconds * 16000); ++i)
    AddTone(samples, 150 + 97 * (i % 17), 0.1, 0.4);
  samples.resize(static_cast<std::size_t>(seconds * 16000));
  return samples;
}

wire::Transcript Hear(engine_sdk::Model& model, const Samples& samples, const wire::TranscribeRequest& request = {},
                      const std::function<void(const wire::Segment&)>& on_segment = {}, std::stop_token stop = {}) {
  auto heard = model.Transcribe(request, {kHearingRate, samples}, on_segment, std::move(stop));
  if (!heard) throw std::runtime_error(heard.error().Text());
  return *std::move(heard);
}

class EachHearingFamily : public SherpaTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(EachHearingFamily, HearsWordsWithTimes) {
  const auto model = Load(TinyModel(GetParam()));
  const wire::Capabilities can = model->capabilities();
  EXPECT_TRUE(can.transcribe);
  EXPECT_EQ(can.input_sample_rate, 16000);
  EXPECT_EQ(can.sample_rate, 0);
  const wire::Transcript heard = Hear(*model, Babble(4), {.words = true});
  EXPECT_DOUBLE_EQ(heard.duration, 4);
  ASSERT_EQ(heard.segments.size(), 1U);
  EXPECT_EQ(heard.segments[0].text, heard.text);
  EXPECT_GT(heard.text.size(), 10U);
  EXPECT_EQ(Hear(*model, Babble(4), {.words = true}).text, heard.text) << "the same again";
  EXPECT_TRUE(Hear(*model, Babble(4)).words.empty()) << "nobody asked for them";
  EXPECT_TRUE(Hear(*model, Samples(32000)).text.empty()) << "silence";
  if (!can.word_times) return;
  ASSERT_GT(heard.words.size(), 2U);
  std::string text;
  double last = 0;
  for (const wire::Word& word : heard.words) {
    text += (text.empty() ? "" : " ") + word.word;
    EXPECT_GE(word.start, last);
    EXPECT_GE(word.end, word.start);
    EXPECT_LE(word.end, 4);
    last = word.start;
  }
  EXPECT_EQ(text, heard.text);
  EXPECT_GT(last, 2) << "also near the end";
}

INSTANTIATE_TEST_SUITE_P(Sherpa, EachHearingFamily, ::testing::Values("nemo_ctc", "transducer", "sense_voice", "moonshine"),
                         [](const auto& info) { return info.param; });

using HearingTest = SherpaTest;

TEST_F(HearingTest, LongRecordingsAreHeardInPiecesWhoseTimesAreTheRecordings) {
  const auto model = Load(TinyModel("nemo_ctc"));
  Samples samples = Babble(22);
  samples.resize(samples.size() + 16000);  // a pause at 22 s
  const Samples more = Babble(47);
  samples.insert(samples.end(), more.begin(), more.end());
  std::vector<std::string> told;
  const wire::Transcript heard =
      Hear(*model, samples, {.words = true}, [&](const wire::Segment& segment) { told.push_back(segment.text); });
  ASSERT_GE(heard.segments.size(), 3U);
  EXPECT_NEAR(heard.segments[0].end, 22.5, 0.5) << "cut where it is quiet";
  double last = 0;
  std::string text;
  for (std::size_t i = 0; i < heard.segments.size(); ++i) {
    const wire::Segment& segment = heard.segments[i];
    EXPECT_EQ(segment.id, static_cast<int>(i));
    EXPECT_GE(segment.start, last);
    EXPECT_LE(segment.end - segment.start, kLongestPiece);
    EXPECT_EQ(told.at(i), segment.text);
    text += (text.empty() ? "" : " ") + segment.text;
    last = segment.end;
  }
  EXPECT_EQ(heard.text, text);
  EXPECT_NEAR(last, 70, 0.1);
  EXPECT_GT(heard.words.back().start, 65);
  EXPECT_TRUE(
      std::is_sorted(heard.words.begin(), heard.words.end(), [](const auto& a, const auto& b) { return a.start < b.start; }));
  std::stop_source stop;
  int segments = 0;
  const auto stopped = [&](const wire::Segment&) {
    ++segments;
    stop.request_stop();
  };
  (void)Hear(*model, samples, {}, stopped, stop.get_token());
  EXPECT_EQ(segments, 1) << "nothing keeps listening for nobody";
}

TEST_F(HearingTest, SilenceIsLeftOutWithADetector) {
  const auto copy = Copy("nemo_ctc");
  std::filesystem::copy(TinyModel("silero_vad.onnx"), copy / "silero_vad.onnx");
  Samples samples(32000);  // 2 s of silence, 2 s of sound, 2 s of silence, 1 s of sound
  const Samples first = Babble(2);
  samples.insert(samples.end(), first.begin(), first.end());
  samples.resize(6 * 16000);
  const Samples second = Babble(1);
  samples.insert(samples.end(), second.begin(), second.end());
  const auto with_own = Load(copy);
  const auto with_option = Load(TinyModel("nemo_ctc"), {{"vad", TinyModel("silero_vad.onnx").string()}});
  for (engine_sdk::Model* model : {with_own.get(), with_option.get()}) {
    const wire::Transcript heard = Hear(*model, samples);
    ASSERT_EQ(heard.segments.size(), 2U);
    EXPECT_NEAR(heard.segments[0].start, 2, 0.35);
    EXPECT_NEAR(heard.segments[0].end, 4, 0.8);
    EXPECT_NEAR(heard.segments[1].start, 6, 0.35);
    EXPECT_EQ(Hear(*model, samples).text, heard.text) << "the detector starts anew";
    EXPECT_EQ(Hear(*model, samples, {.vad = false}).segments.size(), 1U);
  }
  const auto without = Load(TinyModel("nemo_ctc"));
  EXPECT_EQ(without->Transcribe({.vad = true}, {16000, samples}, {}, {}).error().field, "vad");
  EXPECT_EQ(TryLoad(TinyModel("nemo_ctc"), {{"vad", "/no/such/file"}}).error().field, "options.vad");
}

TEST_F(HearingTest, LanguagesAreCheckedAndTold) {
  const auto model = Load(TinyModel("sense_voice"));
  EXPECT_THAT(model->capabilities().languages, ::testing::Contains("yue"));
  EXPECT_EQ(Hear(*model, Babble(2)).language, "en") << "what the model says";
  EXPECT_EQ(Hear(*model, Babble(2), {.language = "zh-CN"}).language, "zh");
  EXPECT_EQ(Hear(*model, Babble(2), {.language = "auto"}).language, "en");
  const auto other = model->Transcribe({.language = "de"}, {16000, Babble(1)}, {}, {});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().field, "language");
  EXPECT_THAT(other.error().remedy, HasSubstr("yue"));
  EXPECT_EQ(TryLoad(TinyModel("sense_voice"), {{"language", "de"}}).error().field, "options.language");
  EXPECT_EQ(Hear(*Load(TinyModel("sense_voice"), {{"language", "ja"}}), Babble(2)).language, "ja");
  EXPECT_EQ(model->Transcribe({.translate = true}, {16000, Babble(1)}, {}, {}).error().field, "translate");
  EXPECT_EQ(model->Transcribe({.grammar = "#JSGF V1.0;"}, {16000, Babble(1)}, {}, {}).error().field, "grammar");
}

TEST_F(HearingTest, TheShortestRecordingsAreNoTrouble) {
  for (const std::string name : {"nemo_ctc", "transducer", "sense_voice", "moonshine"}) {
    const auto model = Load(TinyModel(name));
    EXPECT_TRUE(Hear(*model, {}).text.empty()) << name;
    for (const std::size_t count : {1U, 10U, 400U, 1600U}) {
      Samples few = Babble(0.2);
      few.resize(count);
      (void)Hear(*model, few);
    }
  }
}

// The glue of the library reads results as JSON only: what our struct says must be the same.
TEST_F(HearingTest, TheStructOfResultsAgreesWithItsJson) {
  ASSERT_TRUE(OpenLibrary());
  for (const std::string name : {"nemo_ctc", "sense_voice"}) {
    const std::string graph = TinyModel(name) / "model.int8.onnx";
    const std::string tokens = TinyModel(name) / "tokens.txt";
    abi::AsrConfig config;
    (name == "nemo_ctc" ? config.model.nemo_ctc.model : config.model.sense_voice.model) = graph.c_str();
    config.model.tokens = tokens.c_str();
    const Recognizer recognizer(abi::SherpaOnnxCreateOfflineRecognizer(&config));
    ASSERT_TRUE(recognizer);
    const Stream stream(abi::SherpaOnnxCreateOfflineStream(recognizer.get()));
    std::vector<float> samples;
    for (const std::int16_t sample : Babble(2)) samples.push_back(static_cast<float>(sample) / 32768);
    abi::SherpaOnnxAcceptWaveformOffline(stream.get(), 16000, samples.data(), static_cast<std::int32_t>(samples.size()));
    abi::SherpaOnnxDecodeOfflineStream(recognizer.get(), stream.get());
    const AsrResult result(abi::SherpaOnnxGetOfflineStreamResult(stream.get()));
    const auto said = json::ParseDom(result->json);
    ASSERT_TRUE(said) << result->json;
    const auto& object = said->get_object();
    EXPECT_EQ(object.at("text").get_string(), result->text);
    EXPECT_EQ(object.at("lang").get_string(), result->lang);
    EXPECT_EQ(object.at("emotion").get_string(), result->emotion);
    EXPECT_EQ(object.at("event").get_string(), result->event);
    ASSERT_EQ(object.at("tokens").get_array().size(), static_cast<std::size_t>(result->count));
    for (std::int32_t i = 0; i < result->count; ++i) {
      const auto place = static_cast<std::size_t>(i);
      EXPECT_EQ(object.at("tokens").get_array()[place].get_string(), result->tokens_arr[i]);
      EXPECT_NEAR(object.at("timestamps").get_array()[place].to_number<double>(), result->timestamps[i], 0.011);
    }
    const auto& durations = object.at("durations").get_array();
    EXPECT_EQ(durations.empty(), result->durations == nullptr);
  }
}

TEST(Pieces, AreCutAtTheQuietestPlace) {
  std::vector<float> samples(60 * kHearingRate, 0.3F);
  const auto hush = [&](double from, double to) {
    std::fill(samples.begin() + static_cast<std::ptrdiff_t>(from * kHearingRate),
              samples.begin() + static_cast<std::ptrdiff_t>(to * kHearingRate), 0.0F);
  };
  hush(24, 24.4);
  const auto pieces = CutByLoudness(samples);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces.front().begin, 0U);
  EXPECT_EQ(pieces.back().end, samples.size());
  EXPECT_NEAR(static_cast<double>(pieces[0].end) / kHearingRate, 24.2, 0.2);
  for (std::size_t i = 1; i < pieces.size(); ++i) EXPECT_EQ(pieces[i].begin, pieces[i - 1].end);
  hush(0, 60);
  EXPECT_TRUE(CutByLoudness(samples).empty());
  EXPECT_TRUE(CutByLoudness({}).empty());
}

std::string Shown(const std::vector<wire::Word>& words) {
  std::string text;
  for (const wire::Word& word : words) text += fmt::format("[{} {} {}]", word.word, word.start, word.end);
  return text;
}

TEST(Words, AreTokensPutTogether) {
  const std::vector<Token> english = {{"\xE2\x96\x81"
                                       "hel",
                                       0.1, 0},
                                      {"lo", 0.2, 0},
                                      {",", 0.3, 0},
                                      {" wor", 0.5, 0},
                                      {"ld", 0.6, 0},
                                      {".", 3, 0}};
  EXPECT_EQ(Shown(WordsOf(english, 10, 14)), "[hello, 10.1 10.5][world. 10.5 13.5]");
  const std::vector<Token> timed = {{" a", 0.1, 0.1}, {" b", 0.5, 0.2}};
  EXPECT_EQ(Shown(WordsOf(timed, 0, 1)), "[a 0.1 0.2][b 0.5 0.7]");
  const std::vector<Token> chinese = {{"\xE4\xBD\xA0", 0, 0}, {"\xE5\xA5\xBD", 0.2, 0}, {"ok", 0.4, 0}};
  EXPECT_EQ(Shown(WordsOf(chinese, 0, 1)), "[\xE4\xBD\xA0 0 0.2][\xE5\xA5\xBD 0.2 0.4][ok 0.4 0.9]");
  EXPECT_TRUE(WordsOf({}, 0, 1).empty());
  const std::vector<Token> beyond = {{" late", 5, 0}};
  EXPECT_EQ(Shown(WordsOf(beyond, 0, 1)), "[late 1 1]") << "within its piece";
}

}  // namespace
}  // namespace hostler::sherpa
