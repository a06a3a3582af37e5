// Really speaks and really hears: no download, no network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine_sdk/sound.h"
#include "engine_sdk/testing/harness.h"
#include "engines/classic/providers.h"
#include "engines/classic/utterances.h"
#include "os/files.h"

namespace hostler::classic {
namespace {

using engine_sdk::AudioSink;
using engine_sdk::Model;
using engine_sdk::Recording;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Samples = std::vector<std::int16_t>;

constexpr const char* kDigits =
    "#JSGF V1.0;\ngrammar d;\npublic <d> = (one|two|three|four|five|six|seven|eight|nine|zero|hello|world|stop|go)+;\n";

// Keeps what is said; hangs up after `patience` samples.
class Tape : public AudioSink {
 public:
  explicit Tape(std::size_t patience = SIZE_MAX) : patience_(patience) {}
  bool Begin(int rate, int) override {
    sample_rate = rate;
    return true;
  }
  bool Write(std::span<const std::int16_t> more) override {
    samples.insert(samples.end(), more.begin(), more.end());
    ++writes;
    return samples.size() < patience_;
  }
  [[nodiscard]] double seconds() const { return static_cast<double>(samples.size()) / sample_rate; }

  int sample_rate = 0;
  int writes = 0;
  Samples samples;

 private:
  const std::size_t patience_;
};

// Hz, of the voiced parts: the median of the lags at which the sound looks most like itself.
double PitchOf(const Tape& tape) {
  constexpr std::size_t kWindow = 1024;
  std::vector<double> pitches;
  for (std::size_t at = 0; at + 2 * kWindow < tape.samples.size(); at += kWindow) {
    const auto likeness = [&](std::size_t lag) {
      double sum = 0;
      for (std::size_t i = at; i < at + kWindow; ++i) sum += static_cast<double>(tape.samples[i]) * tape.samples[i + lag];
      return sum;
    };
    const double power = likeness(0);
    if (power < kWindow * 1e6) continue;  // a pause
    std::size_t best = 0;
    double most = 0.6 * power;
    for (std::size_t lag = static_cast<std::size_t>(tape.sample_rate) / 350;
         lag < static_cast<std::size_t>(tape.sample_rate) / 50; ++lag) {
      if (const double like = likeness(lag); like > most) most = like, best = lag;
    }
    if (best > 0) pitches.push_back(static_cast<double>(tape.sample_rate) / static_cast<double>(best));
  }
  if (pitches.empty()) return 0;
  std::nth_element(pitches.begin(), pitches.begin() + static_cast<std::ptrdiff_t>(pitches.size() / 2), pitches.end());
  return pitches[pitches.size() / 2];
}

class ClassicTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Model>> TryLoad(const std::string& id, json::Any options = boost::json::object(),
                                         std::filesystem::path path = {}) {
    engine_sdk::LoadContext context;
    context.model_id = id;
    context.path = std::move(path);
    context.options = std::move(options);
    context.threads = 1;
    context.log = &log;
    context.progress = [](std::string_view, std::optional<double>) {};
    return engine->Load(context);
  }
  std::unique_ptr<Model> Load(const std::string& id, json::Any options = boost::json::object()) {
    auto model = TryLoad(id, std::move(options));
    if (!model) throw std::runtime_error(model.error().Text());
    return *std::move(model);
  }
  static Tape Say(Model& model, const std::string& text, const std::function<void(wire::ControlRequest&)>& change = {}) {
    wire::ControlRequest request{.text = text};
    if (change) change(request);
    Tape tape;
    const auto said = model.Control(request, tape, {});
    if (!said) throw std::runtime_error(said.error().Text());
    return tape;
  }
  static Recording Heard(const Tape& tape) {
    return {kHearingRate, engine_sdk::Resample(tape.samples, tape.sample_rate, kHearingRate)};
  }
  static wire::Transcript Hear(Model& model, const Recording& recording, wire::TranscribeRequest request = {}) {
    auto transcript = model.Transcribe(request, recording, {}, {});
    if (!transcript) throw std::runtime_error(transcript.error().Text());
    return *std::move(transcript);
  }

  log::Log log{"test", log::Level::kDebug, false};
  std::unique_ptr<engine_sdk::Engine> engine = MakeClassicEngine();
};

TEST_F(ClassicTest, ListsWhatIsBuiltInAndNamesWhatIsNot) {
  for (const std::string& id : engine->BuiltInModels()) EXPECT_FALSE(engine->NeedsFiles(id));
  for (const std::string id : {"espeak", "flite", "pocketsphinx"}) {
    const auto built_in = engine->BuiltInModels();
    if (std::find(built_in.begin(), built_in.end(), id) != built_in.end()) continue;
    EXPECT_THAT(TryLoad(id).error().remedy, HasSubstr("HOSTLER_PROVIDERS"));
  }
  engine_sdk::testing::TempFolder empty;
  EXPECT_EQ(TryLoad("x", boost::json::object(), empty.path()).error().code, Code::kUnsupported);
}

#ifdef HOSTLER_WITH_ESPEAK
TEST_F(ClassicTest, EspeakListsVoicesWithLanguages) {
  const auto model = Load("espeak");
  const auto voices = model->voices();
  EXPECT_GT(voices.size(), 50U);
  std::set<std::string> ids;
  for (const auto& voice : voices) {
    EXPECT_FALSE(voice.language.empty()) << voice.id;
    EXPECT_TRUE(ids.insert(voice.id).second) << voice.id << " twice";
  }
  const auto english = std::find_if(voices.begin(), voices.end(), [](const auto& v) { return v.id == "en-us"; });
  ASSERT_NE(english, voices.end());
  EXPECT_EQ(english->name, "English (America)");
  EXPECT_EQ(english->language, "en-us");
  EXPECT_EQ(model->capabilities().default_voice, "en-us");
  EXPECT_EQ(model->capabilities().sample_rate, 22050);
}

TEST_F(ClassicTest, EspeakFollowsSpeedPitchVolumeAndVoice) {
  const auto model = Load("espeak");
  const std::string text = "The quick brown fox jumps over the lazy dog.";
  const Tape normal = Say(*model, text);
  EXPECT_GT(normal.seconds(), 1);
  EXPECT_GT(normal.writes, 3) << "it streams";
  EXPECT_LT(Say(*model, text, [](auto& r) { r.speed = 2; }).seconds(), 0.7 * normal.seconds());
  EXPECT_GT(Say(*model, text, [](auto& r) { r.speed = 0.5; }).seconds(), 1.4 * normal.seconds());
  const auto loudest = [](const Tape& tape) {
    return std::abs(static_cast<int>(*std::max_element(tape.samples.begin(), tape.samples.end())));
  };
  EXPECT_LT(loudest(Say(*model, text, [](auto& r) { r.volume = 0.25; })), loudest(normal) / 2);
  const double usual = PitchOf(normal);
  EXPECT_GT(usual, 60);
  EXPECT_GT(PitchOf(Say(*model, text, [](auto& r) { r.pitch = 0.8; })), 1.15 * usual);
  EXPECT_LT(PitchOf(Say(*model, text, [](auto& r) { r.pitch = -0.8; })), 0.95 * usual);
  EXPECT_GT(Say(*model, text, [](auto& r) { r.voice = "en-us+f3"; }).seconds(), 1) << "a variant of the voice";
  // Breath is random in this library, so equal requests are equal in length only.
  const double german = Say(*model, "einundzwanzig", [](auto& r) { r.voice = "de"; }).seconds();
  EXPECT_NEAR(Say(*model, "einundzwanzig", [](auto& r) { r.language = "de"; }).seconds(), german, 0.03);
}

TEST_F(ClassicTest, EspeakNamesTheNearestVoice) {
  const auto model = Load("espeak");
  Tape tape;
  const auto unknown = model->Control({.text = "hello", .voice = "en-uz"}, tape, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_EQ(unknown.error().field, "voice");
  EXPECT_THAT(unknown.error().remedy, HasSubstr("en-us"));
  EXPECT_EQ(model->Control({.text = "hello", .language = "tlh-x"}, tape, {}).error().field, "language");
  EXPECT_FALSE(TryLoad("espeak", {{"rate", 1}}));
}

TEST_F(ClassicTest, EspeakStopsWhenNobodyListens) {
  const auto model = Load("espeak");
  std::string text;
  for (int i = 0; i < 500; ++i) text += "This sentence is one of very many. ";
  Tape tape(22050);
  ASSERT_TRUE(model->Control({.text = text}, tape, {}));
  EXPECT_LT(tape.seconds(), 2);
  EXPECT_GT(Say(*model, "And it goes on.").seconds(), 0.5);
}

TEST_F(ClassicTest, EspeakCanBeUnloadedAndLoadedAgain) {
  const double first = Say(*Load("espeak"), "hello").seconds();
  const auto again = Load("espeak");
  const auto second = Load("espeak");
  EXPECT_NEAR(Say(*again, "hello").seconds(), first, 0.03);
  EXPECT_NEAR(Say(*second, "hello").seconds(), first, 0.03);
}
#endif

#ifdef HOSTLER_WITH_FLITE
TEST_F(ClassicTest, FliteSpeaksWithEveryVoice) {
  const auto model = Load("flite");
  std::vector<std::string> ids;
  for (const auto& voice : model->voices()) {
    ids.push_back(voice.id);
    const Tape tape = Say(*model, "hello world", [&](auto& r) { r.voice = voice.id; });
    EXPECT_EQ(tape.sample_rate, voice.id == "kal" ? 8000 : 16000);
    EXPECT_GT(tape.seconds(), 0.5) << voice.id;
    EXPECT_LT(Say(*model, "hello world", [&](auto& r) { r.voice = voice.id, r.speed = 2; }).seconds(), 0.8 * tape.seconds())
        << voice.id;
  }
  EXPECT_THAT(ids, ElementsAre("slt", "rms", "awb", "kal16", "kal"));
  Tape tape;
  EXPECT_EQ(model->Control({.text = "x", .voice = "bob"}, tape, {}).error().code, Code::kNotFound);
  EXPECT_EQ(model->Control({.text = "x", .language = "de"}, tape, {}).error().code, Code::kUnsupported);
}

TEST_F(ClassicTest, FliteStreamsAndStops) {
  const auto model = Load("flite");
  std::string text;
  for (int i = 0; i < 40; ++i) text += "This sentence is one of very many. ";
  EXPECT_GT(Say(*model, "This sentence is one of very many.").writes, 3);
  Tape tape(16000);
  ASSERT_TRUE(model->Control({.text = text}, tape, {}));
  EXPECT_LT(tape.seconds(), 3);
  const Samples once = Say(*model, "hello", [](auto& r) { r.speed = 3, r.pitch = 0.5; }).samples;
  EXPECT_NE(Say(*model, "hello").samples, once) << "a request leaves no trace in the voice";
}
#endif

#if defined(HOSTLER_WITH_POCKETSPHINX) && defined(HOSTLER_WITH_FLITE)
TEST_F(ClassicTest, WhatFliteSaysIsHeardExactly) {
  const auto speaker = Load("flite");
  const auto listener = Load("pocketsphinx", {{"grammar", kDigits}});
  for (const std::string text : {"one two three four five six seven", "hello world", "zero nine eight stop", "go five one two"}) {
    const Tape tape = Say(*speaker, text);
    const auto transcript = Hear(*listener, Heard(tape), {.words = true});
    EXPECT_EQ(transcript.text, text);
    EXPECT_EQ(transcript.language, "en");
    ASSERT_EQ(transcript.segments.size(), 1U);
    std::string words;
    double before = 0;
    for (const auto& word : transcript.words) {
      words += (words.empty() ? "" : " ") + word.word;
      EXPECT_GE(word.start, before);
      EXPECT_GT(word.end, word.start);
      before = word.start;
    }
    EXPECT_EQ(words, text);
    EXPECT_LE(transcript.words.back().end, transcript.duration);
  }
}

TEST_F(ClassicTest, LongRecordingsAreCutAtTheSilences) {
  const auto speaker = Load("flite");
  const auto listener = Load("pocketsphinx", {{"grammar", kDigits}});
  const Samples said = Heard(Say(*speaker, "go five one two")).samples;
  Recording recording{kHearingRate, Samples(kHearingRate, 0)};
  recording.samples.insert(recording.samples.end(), said.begin(), said.end());
  recording.samples.resize(recording.samples.size() + 2 * kHearingRate);
  const double second = static_cast<double>(recording.samples.size()) / kHearingRate;
  recording.samples.insert(recording.samples.end(), said.begin(), said.end());
  std::vector<wire::Segment> segments;
  const auto transcript =
      listener->Transcribe({.words = true}, recording, [&](const wire::Segment& s) { segments.push_back(s); }, {});
  ASSERT_TRUE(transcript);
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].text, "go five one two");
  EXPECT_EQ(segments[1].text, "go five one two");
  EXPECT_GT(segments[0].start, 0.4);
  EXPECT_NEAR(segments[1].start, second, 0.5);
  EXPECT_EQ(transcript->segments.size(), 2U);
  ASSERT_EQ(transcript->words.size(), 8U);
  EXPECT_GT(transcript->words[4].start, second - 0.1);
}

TEST_F(ClassicTest, AGrammarMayComeWithTheRequest) {
  const auto speaker = Load("flite");
  const auto listener = Load("pocketsphinx");
  const Recording recording = Heard(Say(*speaker, "go five one two"));
  EXPECT_EQ(Hear(*listener, recording, {.grammar = kDigits}).text, "go five one two");
  const auto free = Hear(*listener, recording, {.words = true});
  ASSERT_FALSE(free.words.empty()) << "without it, the language model is back";
  EXPECT_TRUE(free.words[0].probability.value);
  const auto stranger = listener->Transcribe({.grammar = "#JSGF V1.0;\ngrammar g;\npublic <g> = xyzzyfoo;\n"}, recording, {}, {});
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, Code::kInvalid);
  EXPECT_THAT(stranger.error().message, HasSubstr("xyzzyfoo"));
  EXPECT_EQ(listener->Transcribe({.grammar = "#JSGF V1.0;\ngrammar g;\nimport <a.b>;\npublic <g> = one;\n"}, recording, {}, {})
                .error()
                .field,
            "grammar");
  EXPECT_FALSE(listener->Transcribe({.grammar = "nonsense"}, recording, {}, {}));
  EXPECT_EQ(Hear(*listener, recording, {.grammar = kDigits}).text, "go five one two") << "mistakes leave no trace";
}
#endif

#if defined(HOSTLER_WITH_POCKETSPHINX) && defined(HOSTLER_WITH_ESPEAK)
TEST_F(ClassicTest, WhatEspeakSaysIsHeardExactly) {
  const auto speaker = Load("espeak");
  // Whole sentences: the breath in this voice is random, and now and then it swallows a first word.
  const std::string grammar =
      "#JSGF V1.0;\ngrammar s;\npublic <s> = hello world | zero nine eight stop | go five one two | one two three four;\n";
  const auto listener = Load("pocketsphinx", {{"grammar", grammar}});
  for (const std::string text : {"zero nine eight stop", "go five one two", "one two three four"}) {
    EXPECT_EQ(Hear(*listener, Heard(Say(*speaker, text, [](auto& r) { r.speed = 0.75; }))).text, text);
  }
}
#endif

#ifdef HOSTLER_WITH_POCKETSPHINX
TEST_F(ClassicTest, PocketsphinxRefusesWhatItCannotDo) {
  const auto listener = Load("pocketsphinx", {{"grammar", kDigits}});
  const Recording quiet{kHearingRate, Samples(2 * kHearingRate, 0)};
  EXPECT_EQ(listener->Transcribe({.language = "de"}, quiet, {}, {}).error().code, Code::kUnsupported);
  EXPECT_EQ(listener->Transcribe({.translate = true}, quiet, {}, {}).error().field, "translate");
  EXPECT_EQ(Hear(*listener, quiet).text, "") << "silence is no words";
  EXPECT_EQ(Hear(*listener, quiet).duration, 2);
  EXPECT_EQ(TryLoad("pocketsphinx", {{"grammar", "junk"}}).error().field, "options.grammar");
  EXPECT_EQ(TryLoad("pocketsphinx", {{"gramar", kDigits}}).error().code, Code::kInvalid);
  EXPECT_EQ(TryLoad("pocketsphinx", {{"grammar_file", "/etc/passwd"}}).error().field, "options.grammar_file");
}

TEST_F(ClassicTest, AFolderWithAGrammarIsAModel) {
  engine_sdk::testing::TempFolder folder;
  ASSERT_TRUE(os::WriteFileAtomically(folder.path() / "grammar.jsgf", kDigits));
  EXPECT_TRUE(TryLoad("digits", boost::json::object(), folder.path()));
  EXPECT_EQ(TryLoad("digits", {{"grammar_file", "../x"}}, folder.path()).error().field, "options.grammar_file");
}

TEST(Utterances, AreNotFoundInSilenceOrSoftNoise) {
  EXPECT_TRUE(FindUtterances(Samples(3 * kHearingRate, 0)).empty());
  EXPECT_TRUE(FindUtterances({}).empty());
  Samples soft(3 * kHearingRate);
  for (std::size_t i = 0; i < soft.size(); ++i) soft[i] = static_cast<std::int16_t>((i * 7919) % 41) - 20;
  EXPECT_TRUE(FindUtterances(soft).empty());
}

TEST(Utterances, AreNeverLongerThanFifteenSeconds) {
  Samples loud(50 * kHearingRate);
  for (std::size_t i = 0; i < loud.size(); ++i) loud[i] = static_cast<std::int16_t>((i * 7919) % 16001 - 8000);
  const auto found = FindUtterances(loud);
  ASSERT_FALSE(found.empty());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_LE(found[i].end - found[i].begin, 15U * kHearingRate);
    if (i > 0) EXPECT_GE(found[i].begin, found[i - 1].end);
  }
}
#endif

}  // namespace
}  // namespace hostler::classic
