#include "catalog/discover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/testing/gguf_writer.h"

namespace hostler::catalog {
namespace {

using model::ModelType;
using ::testing::ElementsAre;
using testing::GgufWriter;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A folder; `heads` are files with known first bytes, `files` others.
Facts Folder(const std::string& name, std::map<std::string, std::string> heads, std::vector<std::string> files = {}) {
  Facts facts{name, true, std::move(files), std::move(heads), 5 << 20};
  for (const auto& [file, head] : facts.heads) facts.files.push_back(file);
  return facts;
}

Facts File(const std::string& name, const std::string& head) {
  return {name, false, {name}, {{name, head}}, 1 << 20};
}

std::string Whisper(std::int32_t vocabulary, std::int32_t mels = 80) {
  const std::int32_t numbers[11] = {vocabulary, 1500, 384, 6, 4, 448, 384, 6, 4, mels, 1};
  return "lmgg" + std::string(reinterpret_cast<const char*>(numbers), sizeof(numbers));
}

TEST(DiscoverTest, AGgufFileWithAChatTemplateIsALanguageModel) {
  const auto guess = Discover(File("chat.gguf", GgufWriter()
                                                    .Text("general.architecture", "qwen2")
                                                    .Text("general.name", "Chatty")
                                                    .U32("qwen2.context_length", 32768)
                                                    .Text("tokenizer.chat_template", "{{ messages }}")
                                                    .Bytes()));
  ASSERT_TRUE(guess.entry.has_value()) << guess.why;
  EXPECT_EQ(guess.entry->id, "chat.gguf");
  EXPECT_EQ(guess.entry->type, ModelType::kLlm);
  EXPECT_EQ(guess.entry->engine, "llama-server");
  EXPECT_EQ(guess.entry->provider, "llama");
  EXPECT_EQ(guess.entry->description, "Chatty");
  EXPECT_EQ(guess.entry->context_window, 32768);
  EXPECT_EQ(guess.entry->main_file, "");  // the file is the model
  EXPECT_EQ(guess.entry->size_mb, 1U);
  EXPECT_FALSE(guess.entry->curated);
  EXPECT_EQ(guess.entry->source, "models");
  EXPECT_THAT(guess.why, HasSubstr("type llm"));
}

TEST(DiscoverTest, PoolingMakesAnEmbeddingModelAndAHeaderMayEndEarly) {
  const std::string whole = GgufWriter()
                                .Text("general.architecture", "qwen3")
                                .U32("qwen3.context_length", 32768)
                                .U32("qwen3.embedding_length", 1024)
                                .U32("qwen3.pooling_type", 3)
                                .Texts("tokenizer.ggml.tokens", 50'000, "token")
                                .Bytes();
  ASSERT_GT(whole.size(), kHeadBytes);
  const auto guess = Discover(Folder("Qwen/E-GGUF", {{"E-Q8_0.gguf", whole}}, {"README.md"}));
  ASSERT_TRUE(guess.entry.has_value()) << guess.why;
  EXPECT_EQ(guess.entry->type, ModelType::kEmbedding);
  EXPECT_EQ(guess.entry->embedding, (Embedding{1024, 32768, "last_token", false, "", "", ""}));
  EXPECT_EQ(guess.entry->main_file, "E-Q8_0.gguf");
  EXPECT_EQ(guess.entry->name, "E-GGUF");
}

TEST(DiscoverTest, PartsOfModelsAreNone) {
  const auto adapter =
      Discover(File("l.gguf", GgufWriter().Text("general.architecture", "llama").Text("general.type", "adapter").Bytes()));
  EXPECT_FALSE(adapter.entry.has_value());
  EXPECT_THAT(adapter.why, HasSubstr("an adapter (LoRA)"));
}

TEST(DiscoverTest, WhichFileIsTheModel) {
  EXPECT_EQ(MainGguf({"mmproj-f16.gguf", "m-00002-of-00002.gguf", "m-00001-of-00002.gguf"}), "m-00001-of-00002.gguf");
  EXPECT_EQ(MainGguf({"m-F16.gguf", "m-Q8_0.gguf", "m-Q4_K_M.gguf"}), "m-Q4_K_M.gguf");
  EXPECT_EQ(MainGguf({"mmproj-f16.gguf", "README.md"}), "");
}

TEST(DiscoverTest, AnEncoderWithoutPoolingIsStillAnEmbeddingModel) {
  const auto guess = Discover(File("b.gguf", GgufWriter().Text("general.architecture", "bert").Bytes()));
  EXPECT_EQ(guess.entry->type, ModelType::kEmbedding);
}

TEST(DiscoverTest, ScoringHeadsAndRankPoolingMakeRerankers) {
  const auto rank =
      Discover(File("r.gguf", GgufWriter().Text("general.architecture", "qwen3").U32("qwen3.pooling_type", 4).Bytes()));
  EXPECT_EQ(rank.entry->type, ModelType::kReranker);
  const auto head = Discover(
      File("r.gguf", GgufWriter().Text("general.architecture", "bert").U32("bert.pooling_type", 2).Tensor("cls.weight").Bytes()));
  EXPECT_EQ(head.entry->type, ModelType::kReranker);
  EXPECT_FALSE(head.entry->embedding.has_value());
}

TEST(DiscoverTest, AProjectorThatMakesSoundMakesASpeechModel) {
  const std::string talker = GgufWriter().Text("general.architecture", "qwen3tts").Bytes();
  const auto projector = [](std::string_view type) {
    return GgufWriter().Text("general.architecture", "clip").Text("clip.gen.audio.projector_type", type).Bytes();
  };
  const auto qwen = Discover(Folder("speech", {{"mmproj-t-Q8_0.gguf", projector("qwen3tts_gen")}, {"t-Q8_0.gguf", talker}}));
  EXPECT_EQ(qwen.entry->type, ModelType::kTts);
  EXPECT_EQ(qwen.entry->provider, "qwen3");
  EXPECT_EQ(qwen.entry->engine, "hostler-engine-llama");
  EXPECT_EQ(qwen.entry->main_file, "t-Q8_0.gguf");
  const auto pocket = Discover(Folder("speech", {{"p.mmproj-f16.gguf", projector("pockettts_gen")}, {"p.gguf", talker}}));
  EXPECT_EQ(pocket.entry->provider, "pocket-tts");
  const auto other = Discover(Folder("speech", {{"mmproj.gguf", projector("something_gen")}, {"p.gguf", talker}}));
  EXPECT_EQ(other.entry->engine, "");
  EXPECT_THAT(other.why, HasSubstr("nothing here can run"));
}

TEST(DiscoverTest, AModelThatSeesIsALanguageModel) {
  const std::string projector = GgufWriter().Text("general.architecture", "clip").Text("clip.projector_type", "mlp").Bytes();
  const auto guess =
      Discover(Folder("v", {{"mmproj.gguf", projector}, {"v.gguf", GgufWriter().Text("general.architecture", "llama").Bytes()}}));
  EXPECT_EQ(guess.entry->type, ModelType::kLlm);
  EXPECT_EQ(guess.entry->main_file, "v.gguf");
}

TEST(DiscoverTest, OfAModelInPartsTheFirstIsTheModel) {
  const std::string first = GgufWriter().Text("general.architecture", "llama").Bytes();
  const auto guess =
      Discover(Folder("big", {{"m-00001-of-00003.gguf", first}}, {"m-00003-of-00003.gguf", "m-00002-of-00003.gguf"}));
  EXPECT_EQ(guess.entry->main_file, "m-00001-of-00003.gguf");
  const auto rest = Discover(Folder("big", {}, {"m-00002-of-00003.gguf"}));
  EXPECT_FALSE(rest.entry.has_value());
  EXPECT_THAT(rest.why, HasSubstr("the rest is not there"));
}

TEST(DiscoverTest, OfSeveralQuantisationsASensibleOneIsTaken) {
  const std::string header = GgufWriter().Text("general.architecture", "llama").Bytes();
  const auto guess = Discover(
      Folder("m", {{"m-BF16.gguf", header}, {"m-Q2_K.gguf", header}, {"m-Q4_K_M.gguf", header}, {"m-Q8_0.gguf", header}}));
  EXPECT_EQ(guess.entry->main_file, "m-Q4_K_M.gguf");
}

TEST(DiscoverTest, AFileByItselfNeedNotBeListed) {
  Facts facts{"lab/chat.gguf", false, {}, {}, 0};
  ASSERT_THAT(HeadsToRead(facts), ElementsAre("chat.gguf"));
  facts.heads["chat.gguf"] = GgufWriter().Text("general.architecture", "llama").Bytes();
  EXPECT_EQ(Discover(facts).entry->type, ModelType::kLlm);
}

TEST(DiscoverTest, WhisperIsKnownByItsNumbers) {
  const auto many = Discover(File("ggml-tiny.bin", Whisper(51865)));
  EXPECT_EQ(many.entry->type, ModelType::kStt);
  EXPECT_EQ(many.entry->engine, "hostler-engine-whisper");
  EXPECT_EQ(many.entry->description, "Whisper, many languages");
  EXPECT_EQ(Discover(File("x.bin", Whisper(51864))).entry->description, "Whisper, English only");
  EXPECT_TRUE(Discover(File("x.bin", Whisper(51866, 128))).entry.has_value());
  const auto old = Discover(File("gpt.bin", Whisper(50257, 12)));
  EXPECT_FALSE(old.entry.has_value());
  EXPECT_THAT(old.why, HasSubstr("not of a whisper model"));
  // Voice activity models lie beside the weights, and come first in the alphabet.
  Facts folder = File("tiny", "");
  folder.is_folder = true;
  folder.files = {"ggml-silero-v5.1.2.bin", "ggml-tiny.bin"};
  folder.heads = {{"ggml-silero-v5.1.2.bin", std::string("lmgg\x0a\0\0\0silero-16k", 18) + std::string(60, '\1')},
                  {"ggml-tiny.bin", Whisper(51865)}};
  const auto both = Discover(folder);
  ASSERT_TRUE(both.entry) << both.why;
  EXPECT_EQ(both.entry->main_file, "ggml-tiny.bin");
  EXPECT_FALSE(Discover(File("x.bin", "lmgg\x01")).entry.has_value());
}

struct OnnxCase {
  std::vector<std::string> files;
  ModelType type;
  std::string provider;
  std::string main_file;
};

class OnnxTest : public ::testing::TestWithParam<OnnxCase> {};

TEST_P(OnnxTest, IsKnownByItsFiles) {
  const auto guess = Discover(Folder("voice", {}, GetParam().files));
  ASSERT_TRUE(guess.entry.has_value()) << guess.why;
  EXPECT_EQ(guess.entry->type, GetParam().type);
  EXPECT_EQ(guess.entry->provider, GetParam().provider);
  EXPECT_EQ(guess.entry->engine, "hostler-engine-sherpa");
  EXPECT_EQ(guess.entry->main_file, GetParam().main_file);
}

INSTANTIATE_TEST_SUITE_P(
    Each, OnnxTest,
    ::testing::Values(
        OnnxCase{{"model.onnx", "tokens.txt", "voices.bin", "espeak-ng-data/phontab"}, ModelType::kTts, "kokoro", "model.onnx"},
        OnnxCase{{"en_US-amy-low.onnx", "en_US-amy-low.onnx.json", "tokens.txt", "espeak-ng-data/phontab"},
                 ModelType::kTts,
                 "piper",
                 "en_US-amy-low.onnx"},
        OnnxCase{{"lm_main.int8.onnx", "lm_flow.int8.onnx", "text_conditioner.onnx", "encoder.onnx", "decoder.int8.onnx",
                  "vocab.json"},
                 ModelType::kTts,
                 "pocket-tts",
                 ""},
        OnnxCase{{"model.onnx", "tokens.txt", "lexicon.txt"}, ModelType::kTts, "sherpa", "model.onnx"},
        OnnxCase{{"en_US-amy-low.onnx", "en_US-amy-low.onnx.json", "tokens.txt"}, ModelType::kTts, "piper", "en_US-amy-low.onnx"},
        OnnxCase{{"model-steps-3.onnx", "vocos-22khz-univ.onnx", "tokens.txt", "lexicon.txt"}, ModelType::kTts, "sherpa", ""},
        OnnxCase{{"encoder.int8.onnx", "decoder.int8.onnx", "vocos_24khz.onnx", "tokens.txt", "lexicon.txt"},
                 ModelType::kTts,
                 "sherpa",
                 ""},
        OnnxCase{{"duration_predictor.onnx", "text_encoder.onnx", "vector_estimator.onnx", "vocoder.onnx", "tts.json",
                  "unicode_indexer.bin", "voice.bin"},
                 ModelType::kTts,
                 "sherpa",
                 ""},
        OnnxCase{{"segmentation-3-0.onnx", "embedding.onnx"}, ModelType::kStt, "sherpa", ""},
        OnnxCase{{"preprocess.onnx", "encode.int8.onnx", "uncached_decode.int8.onnx", "cached_decode.int8.onnx", "tokens.txt"},
                 ModelType::kStt,
                 "sherpa",
                 ""},
        OnnxCase{{"encoder_model.ort", "decoder_model_merged.ort", "tokens.txt"}, ModelType::kStt, "sherpa", ""},
        OnnxCase{{"model.int8.onnx", "silero_vad.onnx", "tokens.txt"}, ModelType::kStt, "sherpa", "model.int8.onnx"},
        OnnxCase{{"tiny-encoder.onnx", "tiny-decoder.onnx", "tiny-tokens.txt"}, ModelType::kStt, "sherpa", ""},
        OnnxCase{{"model.int8.onnx", "tokens.txt"}, ModelType::kStt, "sherpa", "model.int8.onnx"}));

TEST(DiscoverTest, VoicesThatClientsAskForMeanSomething) {
  const auto alloy = [](const std::vector<std::string>& files) {
    return Discover(Folder("v", {}, files)).entry->voice_aliases.at("alloy");
  };
  EXPECT_EQ(alloy({"model.onnx", "tokens.txt", "voices.bin"}), "af_heart");
  EXPECT_EQ(alloy({"x.onnx", "x.onnx.json", "tokens.txt"}), "0");
}

TEST(DiscoverTest, OnnxWithoutItsTokensIsLeftOutWithAReason) {
  EXPECT_THAT(Discover(Folder("v", {}, {"x.onnx", "x.onnx.json"})).why, HasSubstr("needs tokens.txt beside it"));
  EXPECT_THAT(Discover(Folder("v", {}, {"x.onnx"})).why, HasSubstr("tokens.txt is missing"));
}

TEST(DiscoverTest, TorchIsKnownByItsConfiguration) {
  const auto of = [](const std::string& architecture) {
    return Discover(
        Folder("t", {{"config.json", R"({"architectures":[")" + architecture + R"("],"x":1})"}}, {"model.safetensors"}));
  };
  EXPECT_EQ(of("BertForMaskedLM").entry->type, ModelType::kSplade);
  EXPECT_EQ(of("BertForMaskedLM").entry->engine, "hostler-engine-llama");
  EXPECT_EQ(of("DistilBertForMaskedLM").entry->type, ModelType::kSplade);
  EXPECT_EQ(of("DistilBertForMaskedLM").entry->engine, "");
  EXPECT_EQ(of("Qwen2ForCausalLM").entry->type, ModelType::kLlm);
  EXPECT_EQ(of("Qwen2ForCausalLM").entry->engine, "");
  EXPECT_EQ(of("XLMRobertaForSequenceClassification").entry->type, ModelType::kReranker);
  EXPECT_EQ(of("WhisperForConditionalGeneration").entry->type, ModelType::kStt);
  EXPECT_EQ(of("BertModel").entry->type, ModelType::kEmbedding);
  EXPECT_TRUE(of("BertModel").entry->embedding.has_value());
}

TEST(DiscoverTest, WhatIsBrokenOrUnknownIsLeftOutWithASentence) {
  const std::vector<std::pair<Facts, std::string>> cases = {
      {Folder("t", {{"config.json", "{"}}, {"model.safetensors"}), "does not say of which architecture"},
      {Folder("t", {{"config.json", R"({"architectures":[7]})"}}, {"model.safetensors"}), "does not say of which architecture"},
      {Folder("t", {}), "nothing in it"},
      {Folder("t", {}, {"notes.txt"}), "no file of it has a format"},
      {File("m.gguf", "not really"), "is no GGUF file"},
      {File("m.gguf", GgufWriter().Bytes()), "does not say of which architecture"},
      {File("p.gguf", GgufWriter().Text("general.architecture", "clip").Bytes()), "a part of another model"},
      {Folder(".hidden", {}, {"x.gguf"}), "its name cannot be a model id"},
      {Folder("bad\nname", {}, {"x.gguf"}), "its name cannot be a model id"},
  };
  for (const auto& [facts, words] : cases) {
    const auto guess = Discover(facts);
    EXPECT_FALSE(guess.entry.has_value()) << facts.name;
    EXPECT_THAT(guess.why, HasSubstr(words));
    EXPECT_EQ(guess.why.find('\n'), std::string::npos);
  }
}

TEST(DiscoverTest, FewHeadsAreAskedForAndThoseThatDecide) {
  Facts facts = Folder("m", {}, {"config.json", "mmproj-a.gguf", "README.md", "weights.safetensors", "b-00002-of-00002.gguf"});
  for (int i = 0; i < 20; ++i) facts.files.push_back("a-Q" + std::to_string(i + 10) + ".gguf");
  EXPECT_THAT(HeadsToRead(facts), ElementsAre("a-Q10.gguf", "config.json", "mmproj-a.gguf"));
  for (int i = 0; i < 20; ++i) facts.files.push_back("mmproj-" + std::to_string(i) + ".gguf");
  EXPECT_THAT(HeadsToRead(facts), SizeIs(8));
  EXPECT_THAT(HeadsToRead(File("ggml-tiny.bin", "")), ElementsAre("ggml-tiny.bin"));
  EXPECT_THAT(HeadsToRead(File("odd.bin", "")), ElementsAre("odd.bin"));
}

}  // namespace
}  // namespace hostler::catalog
