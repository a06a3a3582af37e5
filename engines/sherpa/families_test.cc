// Which model is it, and what is wrong with it? Everything here must be found before the library sees the files: it would end the
// process.
#include "engines/sherpa/families.h"

#include <gmock/gmock.h>

#include "engines/sherpa/testing/tiny_models.h"

namespace hostler::sherpa {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class FamiliesTest : public SherpaTest {
 protected:
  static Error Broken(const std::filesystem::path& path) {
    const auto plan = Identify(path, true);
    if (plan) throw std::runtime_error("taken for a " + plan->name);
    EXPECT_FALSE(plan.error().remedy.empty()) << plan.error().message;
    return plan.error();
  }
  static std::string Content(const std::filesystem::path& file) { return *os::ReadFile(file); }
  // A file with the metadata that makes a graph of one family out of another's.
  void Graph(const std::filesystem::path& file, const std::string& model_type) {
    std::string entry = std::string("\x0A\x0Amodel_type\x12") + static_cast<char>(model_type.size()) + model_type;
    Write(file, std::string("\x08\x08\x3A\x02\x12\x00", 6) + "\x72" + static_cast<char>(entry.size()) + entry);
  }
};

TEST_F(FamiliesTest, KnowsTheTinyModels) {
  const std::vector<std::pair<std::string, Family>> expected = {{"piper", Family::kVits},
                                                                {"kokoro", Family::kKokoro},
                                                                {"kitten", Family::kKitten},
                                                                {"matcha", Family::kMatcha},
                                                                {"pocket", Family::kPocket},
                                                                {"nemo_ctc", Family::kNemoCtc},
                                                                {"transducer", Family::kTransducer},
                                                                {"sense_voice", Family::kSenseVoice},
                                                                {"diarisation", Family::kDiarisation},
                                                                {"moonshine", Family::kMoonshine},
                                                                {"supertonic", Family::kSupertonic},
                                                                {"zipvoice", Family::kZipvoice}};
  for (const auto& [name, family] : expected) {
    const auto plan = Identify(TinyModel(name), true);
    ASSERT_TRUE(plan) << name << ": " << plan.error().Text();
    EXPECT_EQ(plan->family, family) << name;
    EXPECT_TRUE(LooksLikeModel(TinyModel(name)));
  }
  EXPECT_STREQ(Identify(TinyModel("piper"), true)->File("espeak"), HOSTLER_ESPEAK_DATA) << "the system's, if the model has none";
}

// Families without a tiny model: at least the right files go to the right places.
TEST_F(FamiliesTest, KnowsOthersByTheirFilesAndMetadata) {
  struct Case {
    Family family;
    std::string model_type;
    std::vector<std::string> files;
  };
  const std::vector<Case> cases = {
      {Family::kWhisper, "whisper-tiny.en", {"tiny.en-encoder.int8.onnx", "tiny.en-decoder.int8.onnx", "tiny.en-tokens.txt"}},
      {Family::kCanary, "EncDecMultiTaskModel", {"encoder.int8.onnx", "decoder.int8.onnx", "tokens.txt"}},
      {Family::kFireRedAsr, "fire-red-asr", {"encoder.int8.onnx", "decoder.int8.onnx", "tokens.txt"}},
      {Family::kNemoTransducer,
       "EncDecRNNTBPEModel",
       {"encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx", "tokens.txt"}},
      {Family::kParaformer, "paraformer", {"model.int8.onnx", "tokens.txt"}},
      {Family::kZipformerCtc, "zipformer2_ctc", {"ctc-epoch-20-avg-1.int8.onnx", "tokens.txt"}},
      {Family::kNemoCtc, "EncDecHybridRNNTCTCBPEModel", {"model.onnx", "tokens.txt"}},
      {Family::kDolphin, "dolphin", {"model.int8.onnx", "tokens.txt"}},
      {Family::kTelespeechCtc, "telespeech_ctc", {"model.int8.onnx", "tokens.txt"}},
      {Family::kOmnilingual, "omnilingual-asr", {"model.int8.onnx", "tokens.txt"}},
      {Family::kMoonshineMerged, "", {"encoder_model.ort", "decoder_model_merged.ort", "tokens.txt"}},
      {Family::kQwen3Asr, "", {"conv_frontend.onnx", "encoder.int8.onnx", "decoder.int8.onnx", "tokenizer/vocab.json"}},
  };
  int number = 0;
  for (const Case& each : cases) {
    const auto model = folder.path() / std::to_string(number++);
    for (const std::string& file : each.files) {
      std::filesystem::create_directories((model / file).parent_path());
      if (file.ends_with(".onnx"))
        Graph(model / file, each.model_type);
      else if (file.ends_with(".ort"))
        Write(model / file, std::string("\x18\0\0\0ORTM", 8) + "…");
      else
        Write(model / file, file.ends_with("tokens.txt") ? "a 0\n" : "x");
    }
    const auto plan = Identify(model, true);
    ASSERT_TRUE(plan) << each.files.front() << " " << each.model_type << ": " << plan.error().Text();
    EXPECT_EQ(plan->family, each.family) << plan->name << " for " << each.files.front() << " " << each.model_type;
  }
}

TEST_F(FamiliesTest, OfTwoPrecisionsTheWantedOneIsTaken) {
  const auto copy = Copy("nemo_ctc");
  std::filesystem::copy(copy / "model.int8.onnx", copy / "model.onnx");
  const auto model = [&](const std::filesystem::path& given, bool int8) {
    return std::filesystem::path(Identify(given, int8)->File("model")).filename();
  };
  EXPECT_EQ(model(copy, false), "model.onnx");
  EXPECT_EQ(model(copy / "model.int8.onnx", false), "model.int8.onnx") << "the file that is named decides";
  const auto joined = Copy("transducer");
  std::filesystem::copy(joined / "joiner-epoch-1-avg-1.onnx", joined / "joiner-epoch-1-avg-1.int8.onnx");
  EXPECT_THAT(Identify(joined, true)->File("joiner"), HasSubstr("int8"));
  EXPECT_THAT(Identify(joined, false)->File("joiner"), Not(HasSubstr("int8")));
}

TEST_F(FamiliesTest, EveryTruncationIsNoticed) {
  for (const auto& [name, file] : {std::pair("piper", "en_US-tiny-low.onnx"), std::pair("kokoro", "model.onnx"),
                                   std::pair("nemo_ctc", "model.int8.onnx"), std::pair("pocket", "lm_flow.onnx")}) {
    const auto copy = Copy(name);
    const std::string whole = Content(copy / file);
    for (std::size_t length = 0; length < whole.size();
         length += length < 300 || length + 500 > whole.size() ? 1 : whole.size() / 40) {
      Write(copy / file, std::string_view(whole).substr(0, length));
      const auto plan = Identify(copy, true);
      // Without the last fields it may still be whole: then what is missing is metadata, and the family is not known any more.
      if (plan)
        EXPECT_LT(plan->metadata.size(),
                  Identify(TinyModel(name), true)->metadata.size() + (plan->family == Family::kPocket ? 1 : 0))
            << name << " at " << length;
      else
        EXPECT_THAT(plan.error().message, AnyOf(HasSubstr("cut off"), HasSubstr("is empty"), HasSubstr("not an ONNX model"),
                                                HasSubstr("damaged"), HasSubstr("of no family"), HasSubstr("model_type")))
            << name << " at " << length;
    }
  }
}

TEST_F(FamiliesTest, WhatIsNoModelIsNamed) {
  const auto copy = Copy("kokoro");
  const auto with = [&](const std::string& content) {
    Write(copy / "model.onnx", content);
    return Broken(copy).message;
  };
  EXPECT_THAT(with("<!DOCTYPE html><html><body>404</body></html>"), HasSubstr("model.onnx is a web page"));
  EXPECT_THAT(with("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), HasSubstr("pointer of Git LFS"));
  EXPECT_THAT(with("GGUF\3"), HasSubstr("GGUF"));
  EXPECT_THAT(with(""), HasSubstr("is empty"));
  EXPECT_THAT(with(std::string(5000, '\xFF')), HasSubstr("not an ONNX model"));
  EXPECT_THAT(with("just some words"), HasSubstr("not an ONNX model"));
  std::filesystem::remove(copy / "model.onnx");
  std::filesystem::create_directory(copy / "model.onnx");
  EXPECT_THAT(Broken(copy).message, HasSubstr("a folder, not a file"));
  std::filesystem::remove(copy / "model.onnx");
  std::filesystem::create_symlink("/no/such/blob", copy / "model.onnx");
  EXPECT_THAT(Broken(copy).message, HasSubstr("is not there"));
}

TEST_F(FamiliesTest, WhatIsMissingIsNamed) {
  const auto copy = Copy("kokoro");
  std::filesystem::remove(copy / "tokens.txt");
  EXPECT_THAT(Broken(copy).message, HasSubstr("looks like a kitten model, but tokens.txt is missing"));
  const auto pocket = Copy("pocket");
  std::filesystem::remove(pocket / "vocab.json");
  std::filesystem::remove(pocket / "decoder.onnx");
  EXPECT_THAT(Broken(pocket).message, HasSubstr("pocket-tts model, but decoder*.onnx, vocab.json are missing"));
  std::filesystem::create_directory(folder.path() / "nothing");
  EXPECT_THAT(Broken(folder.path() / "nothing").message, HasSubstr("nothing in the model's folder"));
  EXPECT_EQ(Broken(folder.path() / "nowhere").code, Code::kNotFound);
  const auto espeak = Copy("piper");
  std::filesystem::create_directory(espeak / "espeak-ng-data");
  EXPECT_THAT(Broken(espeak).message, HasSubstr("espeak-ng-data is not whole"));
}

TEST_F(FamiliesTest, TokensAreChecked) {
  const auto copy = Copy("kokoro");
  const auto with = [&](const std::string& content) {
    Write(copy / "tokens.txt", content);
    return Broken(copy).message;
  };
  EXPECT_THAT(with(""), HasSubstr("tokens.txt is empty"));
  EXPECT_THAT(with("<html>\n"), HasSubstr("line 1: \"<html>\" is not a symbol and its number"));
  EXPECT_THAT(with("a 0\nb\n"), HasSubstr("line 2"));
  EXPECT_THAT(with("a 0\nab 1\n"), HasSubstr("line 2: \"ab\" is not one character"));
  EXPECT_THAT(with("a 0\na 1\n"), HasSubstr("is there twice"));
  EXPECT_THAT(with("a -1\n"), HasSubstr("line 1"));
  EXPECT_THAT(with("a 99999999999999\n"), HasSubstr("line 1"));
  Write(copy / "tokens.txt", "a 0\r\n  1\r\n");
  EXPECT_TRUE(Identify(copy, true)) << "as Windows writes lines, and the blank as a symbol";
}

TEST_F(FamiliesTest, VoicesMustFitTheModel) {
  const auto copy = Copy("kokoro");
  const std::string whole = Content(copy / "voices.bin");
  for (const std::size_t length : {std::size_t{1}, std::size_t{1000}, whole.size() / 2, whole.size() - 1}) {
    Write(copy / "voices.bin", std::string_view(whole).substr(0, length));
    EXPECT_THAT(TryLoad(copy).error().message, HasSubstr("voices.bin has")) << length;
  }
  Write(copy / "voices.bin", whole + "more");
  EXPECT_THAT(TryLoad(copy).error().message, HasSubstr("voices.bin has"));
}

// The library reports these without ending the process, and so do we.
TEST_F(FamiliesTest, WhatTheLibraryRefusesIsAnErrorWithItsReason) {
  const auto copy = Copy("nemo_ctc");
  const std::string whole = Content(copy / "model.int8.onnx");
  for (const std::size_t at : {whole.size() / 4, whole.size() / 2}) {
    std::string spoiled = whole;
    // Inside of a graph only lengths and types can be wrong; weights may be anything.
    for (std::size_t i = 10; i < 400 && i < spoiled.size(); i += 7) spoiled[i] = static_cast<char>(spoiled[i] ^ (at & 0x7F));
    Write(copy / "model.int8.onnx", spoiled);
    const auto loaded = TryLoad(copy);
    if (!loaded) EXPECT_FALSE(loaded.error().message.empty());
  }
  const auto swapped = Copy("matcha");
  std::filesystem::rename(swapped / "hifigan_v2.onnx", swapped / "other");
  std::filesystem::copy(TinyModel("nemo_ctc") / "model.int8.onnx", swapped / "hifigan_v2.onnx");
  EXPECT_THAT(TryLoad(swapped).error().message, HasSubstr("hifigan_v2.onnx is not a vocoder"));
}

}  // namespace
}  // namespace hostler::sherpa
