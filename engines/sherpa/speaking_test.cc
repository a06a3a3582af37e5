// Tiny models with made-up weights, in the real formats and through the real library.
#include <gmock/gmock.h>

#include "engines/sherpa/testing/tiny_models.h"
#include "engines/sherpa/voices.h"
#include "media/media.h"

namespace hostler::sherpa {
namespace {

using engine_sdk::Recording;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kText = "The quick brown fox jumps over the lazy dog.";

struct Speaker {
  std::string model;
  int sample_rate;
  std::string voice;
};

class EachFamily : public SherpaTest, public ::testing::WithParamInterface<Speaker> {};

TEST_P(EachFamily, SpeaksAtTheSpeedThatIsAskedFor) {
  const auto& [name, sample_rate, voice] = GetParam();
  const auto model = Load(TinyModel(name));
  EXPECT_EQ(model->capabilities().sample_rate, sample_rate);
  EXPECT_EQ(model->capabilities().default_voice, voice);
  EXPECT_FALSE(model->capabilities().transcribe);
  const Tape tape = Say(*model, kText);
  EXPECT_EQ(tape.sample_rate, sample_rate);
  EXPECT_GT(tape.seconds(), 0.3);
  EXPECT_GT(Loudness(tape.samples), 0.005);
  EXPECT_NEAR(Say(*model, kText, [](auto& r) { r.speed = 2; }).seconds(), tape.seconds() / 2, 0.1 * tape.seconds());
  EXPECT_NEAR(Say(*model, kText, [](auto& r) { r.speed = 0.5; }).seconds(), tape.seconds() * 2, 0.2 * tape.seconds());
  EXPECT_NEAR(Loudness(Say(*model, kText, [](auto& r) { r.volume = 0.5; }).samples), Loudness(tape.samples) / 2,
              0.1 * Loudness(tape.samples));
  EXPECT_NE(Say(*model, "Something else altogether.").samples, tape.samples);
  EXPECT_EQ(Refused(*model, kText, [](auto& r) { r.pitch = 0.5; }).field, "pitch");
}

INSTANTIATE_TEST_SUITE_P(Sherpa, EachFamily,
                         ::testing::Values(Speaker{"piper", 16000, "tiny"}, Speaker{"piper_crowd", 16000, "p225"},
                                           Speaker{"kokoro", 24000, "af_heart"}, Speaker{"kitten", 24000, "expr-voice-2-m"},
                                           Speaker{"matcha", 22050, "0"}, Speaker{"supertonic", 22050, "0"}),
                         [](const auto& info) { return info.param.model; });

using SpeakingTest = SherpaTest;

TEST_F(SpeakingTest, AFileInTheFolderIsAsGoodAsTheFolder) {
  const Tape whole = Say(*Load(TinyModel("piper")), kText);
  EXPECT_EQ(Say(*Load(TinyModel("piper") / "en_US-tiny-low.onnx"), kText).samples, whole.samples);
  // As the cache of the hub has it: a folder of links to blobs with other names.
  const auto snapshot = folder.path() / "snapshot";
  std::filesystem::create_directory(snapshot);
  int blob = 0;
  for (const auto& file : std::filesystem::directory_iterator(TinyModel("piper"))) {
    const auto target = folder.path() / std::to_string(blob++);
    std::filesystem::copy(file.path(), target);
    std::filesystem::create_symlink(target, snapshot / file.path().filename());
  }
  const auto linked = Load(snapshot / "en_US-tiny-low.onnx");
  EXPECT_EQ(Say(*linked, kText).samples, whole.samples);
  EXPECT_EQ(linked->voices().front().id, "tiny");
}

TEST_F(SpeakingTest, VoicesHaveNamesLanguagesAndNumbers) {
  const auto kokoro = Load(TinyModel("kokoro"));
  const auto voices = kokoro->voices();
  ASSERT_EQ(voices.size(), 3U);
  EXPECT_EQ(json::ToJson(voices[1]), R"({"id":"am_adam","name":"Adam","language":"en-us","gender":"male"})");
  EXPECT_EQ(voices[2].language, "en-gb");
  EXPECT_EQ(voices[2].gender, "female");
  const auto says = [&](engine_sdk::Model& model, const std::string& voice) {
    return Say(model, kText, [&](auto& r) { r.voice = voice; }).samples;
  };
  EXPECT_EQ(says(*kokoro, "1"), says(*kokoro, "am_adam"));
  EXPECT_EQ(says(*kokoro, "AM_ADAM"), says(*kokoro, "am_adam"));
  EXPECT_NEAR(Loudness(says(*kokoro, "am_adam")) / Loudness(says(*kokoro, "af_heart")), 2, 0.1);
  const auto crowd = Load(TinyModel("piper_crowd"));
  EXPECT_NEAR(Loudness(says(*crowd, "p227")) / Loudness(says(*crowd, "p225")), 3, 0.1);
  const Error unknown = Refused(*kokoro, kText, [](auto& r) { r.voice = "am_adan"; });
  EXPECT_EQ(unknown.code, Code::kNotFound);
  EXPECT_EQ(unknown.field, "voice");
  EXPECT_THAT(unknown.remedy, HasSubstr("am_adam"));
  EXPECT_EQ(Refused(*kokoro, kText, [](auto& r) { r.voice = "3"; }).code, Code::kNotFound);
}

TEST_F(SpeakingTest, TheLanguageChangesHowATextIsRead) {
  const auto kokoro = Load(TinyModel("kokoro"));
  const auto in = [&](const std::string& language) {
    return Say(*kokoro, "Philippe", [&](auto& r) { r.language = language; }).samples;
  };
  EXPECT_NE(in("fr"), in("en-us"));
  EXPECT_EQ(in("fr-FR"), in("fr"));
  EXPECT_EQ(in("en"), in("en-us"));
  EXPECT_EQ(in("en-us"), Say(*kokoro, "Philippe").samples) << "what the first voice speaks";
  const auto piper = Load(TinyModel("piper"));
  EXPECT_EQ(Say(*piper, kText, [](auto& r) { r.language = "en"; }).samples, Say(*piper, kText).samples);
  const Error german = Refused(*piper, kText, [](auto& r) { r.language = "de"; });
  EXPECT_EQ(german.code, Code::kUnsupported);
  EXPECT_THAT(german.remedy, HasSubstr("en-us"));
  const Error unknown = Refused(*kokoro, "hello", [](auto& r) { r.language = "tlh-x"; });
  EXPECT_EQ(unknown.code, Code::kInvalid);
  EXPECT_THAT(unknown.remedy, HasSubstr("tlh-x"));
}

TEST_F(SpeakingTest, AModelOfSeveralLanguagesReadsEachInItsOwnWay) {
  const auto model = Load(TinyModel("kokoro_multi"));
  const auto says = [&](const std::string& text, const std::string& voice) {
    return Say(*model, text, [&](auto& r) { r.voice = voice; }).samples;
  };
  EXPECT_THAT(model->capabilities().languages, ElementsAre("en-us", "es", "zh"));
  EXPECT_GT(says("hello world", "af_heart").size(), 2000U);
  EXPECT_GT(says("\xE4\xBD\xA0\xE5\xA5\xBD", "zf_xiaobei").size(), 1000U) << "by the Chinese lexicon";
  const auto in = [&](const std::string& language) {
    return Say(*model, "hello world", [&](auto& r) { r.voice = "af_heart", r.language = language; }).samples;
  };
  EXPECT_EQ(in("en"), says("hello world", "af_heart"));
  EXPECT_NE(in("es"), in("en")) << "by espeak-ng";
  EXPECT_NE(says("hello world", "ef_dora").size(), says("hello world", "af_heart").size()) << "as its language is";
  EXPECT_GT(says("hello world", "af_heart+ef_dora").size(), 2000U);
}

TEST_F(SpeakingTest, MixedVoicesLieBetweenTheirParents) {
  for (const auto& [name, first, second] :
       {std::tuple("kokoro", "af_heart", "am_adam"), std::tuple("kitten", "expr-voice-2-m", "expr-voice-2-f")}) {
    const auto model = Load(TinyModel(name));
    EXPECT_TRUE(model->capabilities().voice_blend);
    const auto says = [&](const std::string& voice) { return Say(*model, kText, [&](auto& r) { r.voice = voice; }).samples; };
    const Samples a = says(first);
    const Samples b = says(second);
    const std::string one = std::string(first) + "(1)+" + second + "(0)";
    EXPECT_EQ(says(one), a) << "all of one and nothing of the other";
    const Samples half = says(std::string(first) + "+" + second);
    EXPECT_NE(half, a);
    EXPECT_NE(half, b);
    EXPECT_NEAR(Loudness(half), (Loudness(a) + Loudness(b)) / 2, 0.02 * Loudness(b));
    const Samples mostly = says(std::string(first) + "(3) + " + second + "(1)");
    EXPECT_NEAR(Loudness(mostly), (3 * Loudness(a) + Loudness(b)) / 4, 0.02 * Loudness(b));
    EXPECT_EQ(says(std::string(first) + "(6)+" + second + "(2)"), mostly) << "weights are parts of a whole";
    EXPECT_EQ(says(first), a) << "the voices themselves are untouched";
  }
}

TEST_F(SpeakingTest, MoreMixturesThanPlacesTakeTurns) {
  const auto kokoro = Load(TinyModel("kokoro"));
  const auto says = [&](int weight) {
    return Say(*kokoro, kText, [&](auto& r) { r.voice = fmt::format("af_heart({})+bf_emma(1)", weight); }).samples;
  };
  std::vector<Samples> first;
  for (int weight = 1; weight <= 5; ++weight) first.push_back(says(weight));
  for (int weight : {5, 1, 3, 2, 4, 1}) EXPECT_EQ(says(weight), first[static_cast<std::size_t>(weight - 1)]) << weight;
}

TEST_F(SpeakingTest, MixturesThatAreNone) {
  const auto kokoro = Load(TinyModel("kokoro"));
  const auto refused = [&](const std::string& voice) { return Refused(*kokoro, kText, [&](auto& r) { r.voice = voice; }); };
  for (const std::string voice : {"af_heart(0)+am_adam(0)", "af_heart(x)+am_adam", "af_heart(1", "af_heart()+am_adam",
                                  "af_heart(nan)+am_adam", "af_heart(-1)+am_adam"})
    EXPECT_EQ(refused(voice).code, Code::kInvalid) << voice;
  EXPECT_EQ(refused("af_heart+am_adan").code, Code::kNotFound);
  EXPECT_EQ(refused("af_heart+").code, Code::kNotFound);
  EXPECT_EQ(refused("af_heart(1)+af_heart+af_heart+af_heart+af_heart+af_heart+af_heart+af_heart+af_heart+af_heart+af_heart").code,
            Code::kInvalid);
  const auto crowd = Load(TinyModel("piper_crowd"));
  EXPECT_FALSE(crowd->capabilities().voice_blend);
  EXPECT_EQ(Refused(*crowd, kText, [](auto& r) { r.voice = "p225+p226"; }).code, Code::kUnsupported);
}

TEST_F(SpeakingTest, ALongTextIsHeardFromItsFirstSentenceOnAndStopsWhenNobodyListens) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "This sentence is one of very many. ";
  for (const std::string name : {"piper", "kokoro", "matcha"}) {
    const auto model = Load(TinyModel(name));
    const double sentence = Say(*model, "This sentence is one of very many.").seconds();
    Tape tape(1);
    ASSERT_TRUE(model->Control({.text = text}, tape, {})) << name;
    EXPECT_EQ(tape.writes, 1) << name;
    EXPECT_LT(tape.seconds(), 10 * sentence) << name << ": it streams";
    std::stop_source stop;
    Tape stopped;
    stopped.on_write = [&] { stop.request_stop(); };
    ASSERT_TRUE(model->Control({.text = text}, stopped, stop.get_token())) << name;
    EXPECT_LT(stopped.seconds(), 20 * sentence) << name;
    EXPECT_GT(Say(*model, "And it goes on.").seconds(), 0.1) << name;
  }
}

TEST_F(SpeakingTest, SignsThatNobodyCanSayAreNoTrouble) {
  const auto model = Load(TinyModel("piper"));
  const double tea = Say(*model, "Tea. Coffee.").seconds();
  for (const std::string text : {"\xEE\x80\x80", "...", "( )", "\xE2\x80\x94", "\xD8\xA7\xD8\xA8"})
    EXPECT_LT(Say(*model, text).seconds(), 1) << text;
  EXPECT_GE(Say(*model, "Tea. \xEE\x80\x80. Coffee.").seconds(), tea);
}

Recording Reference(double hz, double seconds = 2) {
  Recording recording{16000, {}};
  AddTone(recording.samples, hz, seconds);
  return recording;
}

TEST_F(SpeakingTest, PocketSpeaksWithTheVoiceOfARecording) {
  const auto model = Load(TinyModel("pocket"), {{"seed", 7}, {"steps", 4}});
  EXPECT_TRUE(model->capabilities().voice_clone);
  EXPECT_FALSE(model->capabilities().speed_control);
  EXPECT_TRUE(model->voices().empty());
  const auto clone = [&](const Recording& reference, const wire::CloneRequest& request) {
    Tape tape;
    const auto done = model->Clone(request, reference, tape, {});
    if (!done) throw std::runtime_error(done.error().Text());
    return tape;
  };
  const Tape low = clone(Reference(110), {.text = kText});
  EXPECT_EQ(low.sample_rate, 24000);
  EXPECT_GT(low.seconds(), 0.5);
  EXPECT_EQ(clone(Reference(110), {.text = kText}).samples, low.samples) << "the same seed";
  EXPECT_NE(clone(Reference(440), {.text = kText}).samples, low.samples) << "another voice";
  EXPECT_NE(clone(Reference(110), {.text = "Another text."}).samples, low.samples);
  Tape tape;
  EXPECT_EQ(model->Clone({.text = kText}, Reference(110, 0.2), tape, {}).error().field, "reference_audio");
  EXPECT_EQ(model->Clone({.text = kText}, Reference(110, 31), tape, {}).error().code, Code::kInvalid);
  EXPECT_EQ(model->Clone({.text = kText, .speed = 2}, Reference(110), tape, {}).error().field, "speed");
  const Error voiceless = Refused(*model, kText);
  EXPECT_EQ(voiceless.code, Code::kUnsupported);
  EXPECT_THAT(voiceless.remedy, HasSubstr("voices/"));
  EXPECT_FALSE(Load(TinyModel("kokoro"))->Clone({.text = kText}, Reference(110), tape, {}));
}

TEST_F(SpeakingTest, ZipvoiceWantsToKnowWhatIsSaidInTheRecording) {
  const auto model = Load(TinyModel("zipvoice"));
  EXPECT_TRUE(model->capabilities().voice_clone && model->capabilities().speed_control);
  const auto clone = [&](double hz, std::optional<double> speed = {}) {
    Tape tape;
    const auto done = model->Clone({.text = kText, .transcript = "Some words.", .speed = speed}, Reference(hz), tape, {});
    if (!done) throw std::runtime_error(done.error().Text());
    return tape;
  };
  const Tape said = clone(150);
  EXPECT_EQ(said.sample_rate, 24000);
  EXPECT_GT(said.seconds(), 0.5);
  EXPECT_GT(Loudness(said.samples), 0.001);
  EXPECT_NEAR(clone(150, 2).seconds(), said.seconds() / 2, 0.2);
  EXPECT_NE(clone(2000).samples, said.samples);
  Tape tape;
  EXPECT_EQ(model->Clone({.text = kText}, Reference(110), tape, {}).error().field, "transcript");
  // A recording without its words is no voice of such a model.
  const auto copy = Copy("zipvoice");
  std::filesystem::create_directory(copy / "test_wavs");
  const Recording clip = Reference(220);
  const std::string_view bytes(reinterpret_cast<const char*>(clip.samples.data()), clip.samples.size() * 2);
  for (const std::string name : {"a", "b"})
    Write(copy / "test_wavs" / (name + ".wav"),
          media::WavHeader(16000, 1, static_cast<std::uint32_t>(bytes.size())) + std::string(bytes));
  Write(copy / "test_wavs" / "b.txt", "Some words.\n");
  const auto with_voices = Load(copy);
  ASSERT_EQ(with_voices->voices().size(), 1U);
  EXPECT_EQ(with_voices->voices()[0].id, "b");
  EXPECT_GT(Say(*with_voices, kText).seconds(), 0.5);
}

TEST_F(SpeakingTest, SupertonicHasVoicesAndLanguages) {
  const auto model = Load(TinyModel("supertonic"), {{"seed", 3}, {"steps", 3}});
  ASSERT_EQ(model->voices().size(), 2U);
  const auto says = [&](const std::string& voice, const std::string& language) {
    return Say(*model, kText, [&](auto& r) { r.voice = voice, r.language = language; }).samples;
  };
  EXPECT_EQ(says("0", "en"), says("0", "en-GB")) << "the same seed, the same language";
  EXPECT_NE(says("0", "fr"), says("0", "en"));
  EXPECT_GT(Loudness(says("1", "en")), 1.3 * Loudness(says("0", "en")));
  const Error unknown = Refused(*model, kText, [](auto& r) { r.language = "xx"; });
  EXPECT_EQ(unknown.code, Code::kInvalid);
  EXPECT_THAT(unknown.message, HasSubstr("Invalid language: xx"));
}

TEST_F(SpeakingTest, RecordingsThatLieWithAModelAreItsVoices) {
  const auto copy = Copy("pocket");
  std::filesystem::create_directory(copy / "voices");
  for (const auto& [name, hz] : {std::pair("alba", 220.0), std::pair("jean", 110.0)}) {
    const Recording clip = Reference(hz);
    const std::string_view bytes(reinterpret_cast<const char*>(clip.samples.data()), clip.samples.size() * 2);
    Write(copy / "voices" / (std::string(name) + ".wav"),
          media::WavHeader(16000, 1, static_cast<std::uint32_t>(bytes.size())) + std::string(bytes));
  }
  const auto model = Load(copy, {{"seed", 7}});
  EXPECT_EQ(model->capabilities().default_voice, "alba");
  const auto says = [&](const std::string& voice) { return Say(*model, kText, [&](auto& r) { r.voice = voice; }).samples; };
  EXPECT_NE(says("alba"), says("jean"));
  EXPECT_EQ(says("1"), says("jean"));
  EXPECT_EQ(Refused(*model, kText, [](auto& r) { r.voice = "alba+jean"; }).code, Code::kUnsupported);
  Write(copy / "voices" / "jean.wav", "no recording");
  EXPECT_FALSE(Refused(*model, kText, [](auto& r) { r.voice = "jean"; }).message.empty());
}

TEST_F(SpeakingTest, OptionsAreChecked) {
  EXPECT_EQ(TryLoad(TinyModel("kokoro"), {{"int9", true}}).error().field, "options.int9");
  EXPECT_EQ(TryLoad(TinyModel("kokoro"), {{"int8", 1}}).error().field, "options.int8");
  EXPECT_EQ(TryLoad(TinyModel("kokoro"), {{"seed", 1}}).error().field, "options.seed");
  EXPECT_EQ(TryLoad(TinyModel("pocket"), {{"steps", 0}}).error().field, "options.steps");
  EXPECT_EQ(TryLoad(TinyModel("pocket"), {{"language", "en"}}).error().field, "options.language");
}

TEST(Voices, OfKokoroHaveTheirPublishedNames) {
  Plan plan;
  plan.family = Family::kKokoro;
  const auto voices = NameVoices(plan, 53);
  ASSERT_EQ(voices.size(), 53U);
  EXPECT_EQ(voices[3].id, "af_heart");
  EXPECT_EQ(json::ToJson(voices[28]), R"({"id":"ef_dora","name":"Dora","language":"es","gender":"female"})");
  EXPECT_EQ(voices[44].language, "pt-br");
  EXPECT_EQ(voices[52].id, "zm_yunyang");
  EXPECT_EQ(KokoroLanguage("es"), "es");
  EXPECT_EQ(KokoroLanguage("es-MX"), "es");
  EXPECT_EQ(KokoroLanguage("en-GB"), "en");
  EXPECT_EQ(KokoroLanguage("en"), "");
  EXPECT_EQ(KokoroLanguage("zh-CN"), "");
  EXPECT_EQ(KokoroLanguage("xx"), "xx");
  EXPECT_EQ(NameVoices(plan, 11)[10].id, "bm_lewis");
  EXPECT_EQ(NameVoices(plan, 7)[6].id, "6");
}

TEST(Voices, AreParsedAsMixtures) {
  const std::vector<wire::Voice> voices = {{"a", "A", "", ""}, {"b", "B", "", ""}, {"c+d", "C", "", ""}};
  EXPECT_EQ(*ParseVoice("a", voices), (std::vector<Part>{{0, 1}}));
  EXPECT_EQ(*ParseVoice(" a (3) + b(1) ", voices), (std::vector<Part>{{0, 0.75}, {1, 0.25}}));
  EXPECT_EQ(*ParseVoice("c+d", voices), (std::vector<Part>{{2, 1}})) << "a name that is there is no mixture";
}

}  // namespace
}  // namespace hostler::sherpa
