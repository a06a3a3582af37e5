// Tiny models with random weights in the real formats: what is tested is loading, prompts, streaming and failures, not how it
// sounds. One thread and one backend of ggml, so that the numbers are the same everywhere.
#include "engines/llama/speech.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mtmd-helper.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "engine_sdk/testing/harness.h"
#include "engines/llama/languages.h"
#include "engines/llama/library.h"
#include "engines/llama/llama.h"
#include "engines/llama/qwen_codes.h"
#include "engines/llama/qwen_prompt.h"
#include "os/files.h"

namespace hostler::llama {
namespace {

namespace fs = std::filesystem;
using engine_sdk::AudioSink;
using engine_sdk::Model;
using engine_sdk::Recording;
using engine_sdk::testing::TempFolder;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Samples = std::vector<std::int16_t>;

constexpr int kRate = 24'000;
constexpr std::size_t kFrame = 1920;  // samples of 80 ms

const fs::path kModels = HOSTLER_TEST_MODELS;
const fs::path kQwen = kModels / "tiny_qwen3tts";
const fs::path kPocket = kModels / "tiny_pocket";

// Keeps what is said; does something after each piece of it.
class Tape : public AudioSink {
 public:
  explicit Tape(std::function<bool(const Tape&)> after = [](const Tape&) { return true; }) : after_(std::move(after)) {}
  bool Begin(int rate, int channels) override {
    EXPECT_EQ(rate, kRate);
    EXPECT_EQ(channels, 1);
    ++begins;
    return true;
  }
  bool Write(std::span<const std::int16_t> more) override {
    samples.insert(samples.end(), more.begin(), more.end());
    ++writes;
    return after_(*this);
  }
  [[nodiscard]] double loudness() const {  // RMS, of full scale
    double sum = 0;
    for (const std::int16_t sample : samples) sum += static_cast<double>(sample) * sample;
    return std::sqrt(sum / static_cast<double>(std::max<std::size_t>(samples.size(), 1))) / 32768.0;
  }

  Samples samples;
  int begins = 0;
  int writes = 0;

 private:
  const std::function<bool(const Tape&)> after_;
};

Recording Voice(double hertz, double seconds = 1) {
  Recording voice{kRate, Samples(static_cast<std::size_t>(seconds * kRate))};
  for (std::size_t i = 0; i < voice.samples.size(); ++i)
    voice.samples[i] = static_cast<std::int16_t>(9000 * std::sin(6.28318 * hertz * static_cast<double>(i) / kRate));
  return voice;
}

class SpeechTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ::setenv("HOSTLER_GGML_CPU", HOSTLER_TEST_CPU, 1); }

  engine_sdk::LoadContext Context(const fs::path& path, json::Any options) {
    engine_sdk::LoadContext context;
    context.model_id = path.filename().string();
    context.path = path;
    context.options = std::move(options);
    context.threads = 1;
    context.log = &log;
    context.progress = [this](std::string_view stage, std::optional<double> fraction) {
      progress.emplace_back(std::string(stage), fraction);
    };
    return context;
  }
  Result<std::unique_ptr<Model>> TryLoad(const fs::path& path, json::Any options = boost::json::object()) {
    return engine->Load(Context(path, std::move(options)));
  }
  std::unique_ptr<Model> Load(const fs::path& path, json::Any options = boost::json::object({{"seed", 7}, {"max_seconds", 1}})) {
    auto model = TryLoad(path, std::move(options));
    if (!model) throw std::runtime_error(model.error().Text());
    return *std::move(model);
  }
  Error Refusal(const fs::path& path, json::Any options = boost::json::object()) {
    auto model = TryLoad(path, std::move(options));
    if (model) return {Code::kInternal, "it was loaded", {}, {}, {}};
    EXPECT_FALSE(model.error().remedy.empty()) << model.error().message;
    return model.error();
  }
  static Tape Clone(Model& model, const Recording& voice, const std::string& text = "hello world") {
    Tape tape;
    Check(model.Clone({.text = text}, voice, tape, {}));
    return tape;
  }
  static Tape Say(Model& model, const std::function<void(wire::ControlRequest&)>& change = {}) {
    wire::ControlRequest request{.text = "hello world"};
    if (change) change(request);
    Tape tape;
    Check(model.Control(request, tape, {}));
    return tape;
  }
  static Error Complaint(Model& model, const std::function<void(wire::ControlRequest&)>& change) {
    wire::ControlRequest request{.text = "hello world"};
    change(request);
    Tape tape;
    const auto said = model.Control(request, tape, {});
    EXPECT_EQ(tape.begins, 0);
    if (said) return {Code::kInternal, "it was said", {}, {}, {}};
    EXPECT_FALSE(said.error().remedy.empty()) << said.error().message;
    return said.error();
  }
  static Tape Design(Model& model, const std::string& description) {
    Tape tape;
    Check(model.Design({.text = "hello world", .description = description}, tape, {}));
    return tape;
  }
  static void Check(const Result<>& result) {
    if (!result) throw std::runtime_error(result.error().Text());
  }

  inline static log::Log log{"test", log::Level::kDebug, false};  // the native libraries keep it
  std::vector<std::pair<std::string, std::optional<double>>> progress;
  std::unique_ptr<engine_sdk::Engine> engine = MakeLlamaEngine();
};

// ---- loading ----

TEST_F(SpeechTest, KnowsItsModelsByTheirHeaders) {
  for (const char* name : {"base", "custom", "design"}) EXPECT_TRUE(engine->Recognises(kQwen / name)) << name;
  EXPECT_TRUE(engine->Recognises(kPocket));
  EXPECT_TRUE(engine->Recognises(kPocket / "model.gguf"));
  EXPECT_FALSE(engine->Recognises(kPocket / "mmproj.gguf"));
  EXPECT_FALSE(engine->Recognises(kModels));
  EXPECT_FALSE(engine->Recognises("/no/such/file.gguf"));
  EXPECT_THAT(engine->features(), Contains("generate.clone"));
}

TEST_F(SpeechTest, TellsHowFarALoadIs) {
  (void)Load(kQwen / "base");
  double last = 0;
  for (const auto& [stage, fraction] : progress) {
    if (stage != "reading weights") continue;
    ASSERT_TRUE(fraction);
    EXPECT_GE(*fraction, last - 1e-9);
    EXPECT_LE(*fraction, 1 + 1e-9);
    last = *fraction;
  }
  EXPECT_GT(last, 0.99);
  EXPECT_EQ(progress.back().first, "warming up");
}

TEST_F(SpeechTest, SaysWhatEachModelCanDo) {
  const auto base = Load(kQwen / "base")->capabilities();
  EXPECT_TRUE(base.voice_clone && base.streaming);
  EXPECT_FALSE(base.voice_design || base.instructions || base.speed_control);
  EXPECT_EQ(base.sample_rate, kRate);
  EXPECT_EQ(base.input_sample_rate, kRate);
  EXPECT_THAT(base.languages, ::testing::UnorderedElementsAre("zh", "en", "de", "it", "pt", "es", "ja", "ko", "fr", "ru"));
  EXPECT_THAT(base.speakers, IsEmpty());

  const auto model = Load(kQwen / "custom");
  const auto custom = model->capabilities();
  EXPECT_FALSE(custom.voice_clone || custom.voice_design);
  EXPECT_TRUE(custom.instructions);
  EXPECT_EQ(custom.default_voice, "Ryan");
  std::vector<std::string> ids;
  for (const auto& voice : model->voices()) ids.push_back(voice.id + " " + voice.language + " " + voice.gender);
  EXPECT_THAT(ids, ElementsAre("Dylan zh male", "Ryan en male", "Serena zh female", "Uncle_Fu zh male", "Vivian zh female"));
  EXPECT_EQ(custom.speakers.size(), 5U);

  const auto design = Load(kQwen / "design")->capabilities();
  EXPECT_TRUE(design.voice_design && design.instructions);
  EXPECT_FALSE(design.voice_clone);

  const auto pocket = Load(kPocket)->capabilities();
  EXPECT_TRUE(pocket.voice_clone && pocket.streaming);
  EXPECT_THAT(pocket.languages, ElementsAre("en"));
}

TEST_F(SpeechTest, OptionsAreChecked) {
  const auto refused = [&](json::Any options, const fs::path& path = kQwen / "base") {
    const Error error = Refusal(path, std::move(options));
    EXPECT_EQ(error.code, Code::kInvalid) << error.Text();
    return error.field;
  };
  EXPECT_EQ(refused(boost::json::object({{"temprature", 1}})), "options.temprature");
  EXPECT_EQ(refused(boost::json::object({{"temperature", "hot"}})), "options.temperature");
  EXPECT_EQ(refused(boost::json::object({{"temperature", 3}})), "options.temperature");
  EXPECT_EQ(refused(boost::json::object({{"top_p", 0}})), "options.top_p");
  EXPECT_EQ(refused(boost::json::object({{"seed", -1}})), "options.seed");
  EXPECT_EQ(refused(boost::json::object({{"context", 10}})), "options.context");
  EXPECT_EQ(refused(boost::json::object({{"gpu_layers", 5}})), "options.gpu_layers");
  EXPECT_EQ(refused(boost::json::object({{"kind", "karaoke"}})), "options.kind");
  EXPECT_EQ(refused(boost::json::object({{"kind", "custom_voice"}})), "options.kind");
  EXPECT_EQ(refused(boost::json::object({{"temperature", 1}}), kPocket), "options.temperature");
  EXPECT_TRUE(Load(kQwen / "base", boost::json::object({{"kind", "voice_design"}}))->capabilities().voice_design);
}

// ---- speaking ----

TEST_F(SpeechTest, ClonesAVoice) {
  for (const fs::path& path : {kQwen / "base", kPocket}) {
    const auto model = Load(path);
    const Tape low = Clone(*model, Voice(120));
    const Tape high = Clone(*model, Voice(900));
    EXPECT_GT(low.loudness(), 0.003) << path;
    EXPECT_LT(low.loudness(), 0.9) << path;
    EXPECT_EQ(low.samples.size() % kFrame, 0U);
    EXPECT_NE(low.samples, high.samples) << path << ": it does not listen to the voice";
    EXPECT_NE(low.samples, Clone(*model, Voice(120), "the world").samples) << path << ": it does not read the text";
  }
}

TEST_F(SpeechTest, HearsAnyRecording) {
  for (const fs::path& path : {kQwen / "base", kPocket}) {
    const auto model = Load(path);
    EXPECT_GT(Clone(*model, {kRate, Samples(kRate)}).loudness(), 0.001) << path << ": silence";
    Recording noise{kRate, Samples(kRate)};
    for (std::size_t i = 0; i < noise.samples.size(); ++i) noise.samples[i] = static_cast<std::int16_t>(i * 40503U >> 3);
    EXPECT_GT(Clone(*model, noise).loudness(), 0.001) << path << ": noise";
  }
  const auto model = Load(kQwen / "base");
  EXPECT_EQ(Clone(*model, Voice(120, 31)).samples, Clone(*model, Voice(120, 40)).samples) << "30 seconds are heard";
}

TEST_F(SpeechTest, WhatOutgrowsTheContextIsCut) {
  const auto pocket = Load(kPocket, boost::json::object({{"seed", 7}, {"context", 256}}));
  Tape tape;
  ASSERT_TRUE(pocket->Clone({.text = std::string(90, 'x')}, Voice(120), tape, {}));
  EXPECT_GT(tape.samples.size(), 100 * kFrame);
  EXPECT_LT(tape.samples.size(), 256 * kFrame);
}

TEST_F(SpeechTest, TheSameSeedSaysTheSame) {
  for (const fs::path& path : {kQwen / "base", kPocket}) {
    const auto model = Load(path);
    const Tape first = Clone(*model, Voice(120));
    EXPECT_EQ(first.samples, Clone(*model, Voice(120)).samples) << path;
    EXPECT_EQ(first.samples, Clone(*Load(path), Voice(120)).samples) << path;
    const auto other = Load(path, boost::json::object({{"seed", 8}, {"max_seconds", 1}}));
    EXPECT_NE(first.samples, Clone(*other, Voice(120)).samples) << path;
    const auto free = Load(path, boost::json::object({{"max_seconds", 1}}));
    EXPECT_NE(Clone(*free, Voice(120)).samples, Clone(*free, Voice(120)).samples) << path;
  }
}

TEST_F(SpeechTest, SpeakersStylesAndLanguagesAreHeard) {
  const auto model = Load(kQwen / "custom");
  const Tape plain = Say(*model);
  EXPECT_GT(plain.loudness(), 0.003);
  const auto with = [&](const std::function<void(wire::ControlRequest&)>& change) { return Say(*model, change).samples; };
  EXPECT_EQ(plain.samples, with([](auto& r) { r.voice = "ryan"; })) << "the default voice, whatever its case";
  EXPECT_NE(plain.samples, with([](auto& r) { r.voice = "Vivian"; }));
  EXPECT_NE(plain.samples, with([](auto& r) { r.instructions = "Whisper."; }));
  EXPECT_NE(with([](auto& r) { r.instructions = "Shout!"; }), with([](auto& r) { r.instructions = "Whisper."; }));
  EXPECT_NE(plain.samples, with([](auto& r) { r.language = "en"; }));
  EXPECT_EQ(with([](auto& r) { r.language = "English"; }), with([](auto& r) { r.language = "en-GB"; }));
  const auto dialect = with([](auto& r) { r.voice = "Dylan", r.language = "beijing_dialect"; });
  EXPECT_EQ(dialect, with([](auto& r) { r.voice = "Dylan", r.language = "zh"; })) << "a speaker of a dialect";
  EXPECT_NE(dialect, with([](auto& r) { r.voice = "Dylan", r.language = "en"; }));
}

TEST_F(SpeechTest, ADescriptionMakesTheVoice) {
  const auto model = Load(kQwen / "design");
  const Tape deep = Design(*model, "an old man with a deep voice");
  EXPECT_GT(deep.loudness(), 0.003);
  EXPECT_EQ(deep.samples, Design(*model, "an old man with a deep voice").samples);
  EXPECT_NE(deep.samples, Design(*model, "a child").samples);
  EXPECT_EQ(deep.samples, Say(*model, [](auto& r) { r.instructions = "an old man with a deep voice"; }).samples);
  EXPECT_EQ(Complaint(*model, [](auto&) {}).field, "instructions");
}

TEST_F(SpeechTest, TextIsTextWhateverItLooksLike) {
  const auto model = Load(kQwen / "custom");
  const auto letters = Say(*model, [](auto& r) { r.text = "<|im_end|>"; }).samples;
  EXPECT_NE(letters, Say(*model, [](auto& r) { r.text = "<|codec_eos_token|>"; }).samples);
  EXPECT_GT(letters.size(), kFrame);
}

TEST_F(SpeechTest, RefusesWhatAModelCannotDo) {
  const auto custom = Load(kQwen / "custom");
  const Error voice = Complaint(*custom, [](auto& r) { r.voice = "Vivin"; });
  EXPECT_EQ(voice.code, Code::kNotFound);
  EXPECT_EQ(voice.field, "voice");
  EXPECT_THAT(voice.remedy, HasSubstr("Vivian"));
  const Error language = Complaint(*custom, [](auto& r) { r.language = "tlh"; });
  EXPECT_EQ(language.field, "language");
  EXPECT_EQ(Complaint(*custom, [](auto& r) { r.speed = 1.5; }).field, "speed");
  EXPECT_EQ(Complaint(*custom, [](auto& r) { r.pitch = 0.5; }).field, "pitch");
  EXPECT_GT(Say(*custom, [](auto& r) { r.speed = 1, r.volume = 1; }).samples.size(), 0U);
  Tape tape;
  EXPECT_EQ(custom->Clone({.text = "x"}, Voice(120), tape, {}).error().code, Code::kUnsupported);
  EXPECT_EQ(custom->Design({.text = "x", .description = "y"}, tape, {}).error().code, Code::kUnsupported);
  for (const fs::path& path : {kQwen / "base", kPocket}) {
    const auto model = Load(path);
    const Error alone = Complaint(*model, [](auto&) {});
    EXPECT_EQ(alone.code, Code::kUnsupported);
    EXPECT_THAT(alone.remedy, HasSubstr("reference audio"));
    EXPECT_EQ(Complaint(*model, [](auto& r) { r.voice = "alba"; }).field, "voice");
    const auto short_one = model->Clone({.text = "x"}, Voice(120, 0.2), tape, {});
    EXPECT_EQ(short_one.error().field, "reference_audio");
    EXPECT_EQ(model->Clone({.text = "x", .language = "tlh"}, Voice(120), tape, {}).error().field, "language");
    EXPECT_EQ(model->Clone({.text = "x", .speed = 2}, Voice(120), tape, {}).error().field, "speed");
  }
  EXPECT_EQ(tape.begins, 0);
}

TEST_F(SpeechTest, SoundComesBeforeTheEnd) {
  for (const fs::path& path : {kQwen / "base", kPocket}) {
    const auto model = Load(path, boost::json::object({{"seed", 7}, {"max_seconds", 8}}));
    std::size_t first = 0;
    Tape tape([&](const Tape& so_far) {
      if (first == 0) first = so_far.samples.size();
      return true;
    });
    ASSERT_TRUE(model->Clone({.text = "hello world the world hello the world"}, Voice(120), tape, {}));
    EXPECT_EQ(tape.begins, 1);
    EXPECT_LE(first, 8 * kFrame) << path;
    EXPECT_GT(tape.samples.size(), 4 * first) << path;
  }
}

TEST_F(SpeechTest, StopsWithinAFrame) {
  for (const fs::path& path : {kQwen / "base", kPocket}) {
    const auto model = Load(path, boost::json::object({{"seed", 7}, {"max_seconds", 60}}));
    for (const bool by_token : {true, false}) {
      std::stop_source stop;
      std::size_t heard = 0;
      Tape tape([&](const Tape& so_far) {
        if (by_token) stop.request_stop();
        if (heard == 0) heard = so_far.samples.size();
        return by_token;
      });
      ASSERT_TRUE(model->Clone({.text = "hello world the world hello"}, Voice(120), tape, stop.get_token()));
      EXPECT_LE(tape.samples.size(), 8 * kFrame) << path << " by token: " << by_token;
    }
    std::stop_source before;
    before.request_stop();
    Tape silent;
    (void)model->Clone({.text = "hello"}, Voice(120), silent, before.get_token());
    EXPECT_TRUE(silent.samples.empty());
  }
}

TEST_F(SpeechTest, LongTextsAreSpokenToTheEnd) {
  std::string text;
  for (int i = 0; i < 25; ++i) text += "The hello world, the hello world and the world again. ";
  const auto custom = Load(kQwen / "custom", boost::json::object({{"seed", 7}, {"max_seconds", 1}}));
  Tape tape;
  ASSERT_TRUE(custom->Control({.text = text}, tape, {}));
  EXPECT_EQ(tape.begins, 1);
  EXPECT_GT(tape.samples.size(), 2 * static_cast<std::size_t>(kRate)) << "three pieces of a second each";
  // What no context holds is an error before any sound.
  const auto small = Load(kQwen / "design", boost::json::object({{"context", 256}, {"max_seconds", 1}}));
  Tape none;
  const auto refused = small->Design({.text = text, .description = "a child"}, none, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_EQ(none.begins, 0);
}

TEST_F(SpeechTest, AModelThatNeverStopsIsStopped) {
  const auto model = Load(kQwen / "custom", boost::json::object({{"seed", 7}}));
  const Tape tape = Say(*model, [](auto& r) { r.text = "hello"; });
  EXPECT_LE(tape.samples.size(), 6U * kRate);
  EXPECT_GT(tape.samples.size(), 4U * kRate) << "several windows of the decoder";
}

// ---- against libmtmd's own program ----

// The same as tools/tts/tts.cpp does, with our sampler: prompt, frames, and one decoding at the end.
std::vector<float> HelpersSpeech(const SpeechParts& parts, const QwenTokens& tokens, const std::string& text, mtmd_bitmap* voice,
                                 std::uint32_t seed, int frames) {
  mtmd_helper::gen_audio speech(parts.context.get(), parts.mtmd.get());
  const Sampling sampling(parts.options);
  mtmd_helper_gen_audio_inp in{};
  in.prompt = text.data();
  in.prompt_len = text.size();
  in.speaker_ref = voice;
  in.lang = "german";
  in.top_k = sampling.top_k;
  in.top_p = sampling.top_p;
  in.seed = seed;
  in.out_type = MTMD_HELPER_GEN_AUDIO_OUTTYPE_PCM;
  EXPECT_EQ(speech.set_input(&in), 0);
  while (speech.step_prompt(static_cast<std::int32_t>(llama_n_batch(parts.context.get()))) > 0) {
  }
  CodeSampler codes(sampling, tokens, llama_model_get_vocab(parts.model.get()), seed);
  const float* state = llama_get_embeddings_ith(parts.context.get(), -1);
  bool done = false;
  for (int frame = 0; frame < frames && !done; ++frame) {
    const float* next = nullptr;
    EXPECT_EQ(speech.step_gen(codes.Next(parts.context.get()), state, &next, &done), 0);
    state = next;
  }
  int rate = 0;
  const char* data = nullptr;
  std::size_t bytes = 0;
  EXPECT_EQ(speech.get_output(&rate, &data, &bytes), 0);
  const auto* sound = reinterpret_cast<const float*>(data);
  return {sound, sound + bytes / sizeof(float)};
}

// Loads the files with nothing of ours around them.
SpeechParts BareParts(const fs::path& folder, log::Log& log) {
  SpeechParts parts;
  parts.files = *FindSpeechFiles(folder, {});
  parts.log = &log;
  parts.model.reset(llama_model_load_from_file(parts.files.main.c_str(), llama_model_default_params()));
  llama_context_params context = llama_context_default_params();
  context.n_ctx = 512;
  context.n_batch = context.n_ubatch = 64;
  context.n_threads = context.n_threads_batch = 1;
  context.embeddings = true;
  parts.context.reset(llama_init_from_model(parts.model.get(), context));
  mtmd_context_params mtmd = mtmd_context_params_default();
  mtmd.use_gpu = mtmd.warmup = false;
  mtmd.n_threads = 1;
  parts.mtmd.reset(mtmd_init_from_file(parts.files.mmproj.c_str(), parts.model.get(), mtmd));
  return parts;
}

TEST_F(SpeechTest, OurPromptForABaseModelIsThatOfLibmtmd) {
  ASSERT_TRUE(OpenLibrary(log));
  const SpeechParts parts = BareParts(kQwen / "base", log);
  const auto tokens = QwenTokens::Read(llama_model_get_vocab(parts.model.get()));
  ASSERT_TRUE(tokens);
  constexpr std::uint32_t kSeed = 7;
  constexpr int kFrames = 100;  // more than one window of the decoder
  const std::string text = "hello world, the user and the assistant";
  const auto voice = VoiceOf(Voice(200), kRate);
  ASSERT_TRUE(voice);
  const std::vector<float> theirs = HelpersSpeech(parts, *tokens, text, voice->get(), kSeed, kFrames);
  ASSERT_EQ(theirs.size(), kFrames * kFrame);

  const auto model = Load(kQwen / "base", boost::json::object({{"seed", kSeed}, {"max_seconds", 8}}));
  Tape ours;
  ASSERT_TRUE(model->Clone({.text = text, .language = "de"}, Voice(200), ours, {}));
  Tape expected;
  Loudspeaker loudspeaker(expected, kRate);
  ASSERT_TRUE(loudspeaker.Write(theirs));
  EXPECT_EQ(ours.samples, expected.samples) << "every sample, though ours came in pieces";
  EXPECT_GT(ours.writes, 3);
}

TEST_F(SpeechTest, RowsOfTheTableAreThoseThatLlamaReads) {
  ASSERT_TRUE(OpenLibrary(log));
  const SpeechParts parts = BareParts(kQwen / "base", log);
  auto rows = EmbeddingRows::Open(parts.files.main, parts.width());
  ASSERT_TRUE(rows);
  const int last = llama_vocab_n_tokens(llama_model_get_vocab(parts.model.get())) - 1;
  EXPECT_EQ(rows->Get(0)->size(), static_cast<std::size_t>(parts.width()));
  EXPECT_NE(*rows->Get(0), *rows->Get(last));
  EXPECT_FALSE(rows->Get(last + 1));
  EXPECT_FALSE(rows->Get(-1));
  EXPECT_FALSE(EmbeddingRows::Open(parts.files.main, parts.width() + 1));
  EXPECT_FALSE(EmbeddingRows::Open(parts.files.mmproj, parts.width()));
}

TEST(Languages, HaveCodesAndNames) {
  EXPECT_EQ(LanguageCode("japanese"), "ja");
  EXPECT_EQ(LanguageName("pt-BR"), "portuguese");
  EXPECT_EQ(LanguageName("PORTUGUESE"), "portuguese");
  EXPECT_EQ(LanguageName("auto"), "auto");
  EXPECT_EQ(LanguageCode("klingon"), "klingon");
}

}  // namespace
}  // namespace hostler::llama
