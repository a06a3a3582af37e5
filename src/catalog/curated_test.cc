// What comes with hostler, against a table that was written from its specification (golden/curated.txt), and against rules that
// every list has to keep.
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/catalog.h"

namespace hostler::catalog {
namespace {

using model::ModelType;
using ::testing::ElementsAre;
using ::testing::SizeIs;

std::vector<std::vector<std::string>> ReadTable() {
  std::ifstream file(HOSTLER_CURATED_TABLE);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    rows.emplace_back(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
  }
  return rows;
}

std::string Number(const std::optional<int>& number) {
  return number ? std::to_string(*number) : "-";
}

std::string PrefixName(const std::optional<Embedding>& embedding) {
  if (!embedding) return "-";
  const std::string& query = embedding->query_prefix;
  const std::string& document = embedding->document_prefix;
  const bool instruction = !embedding->default_query_instruction.empty();
  if (!embedding->is_asymmetric) return query.empty() && document.empty() && !instruction ? "none" : "broken";
  if (instruction) return query.empty() && document.empty() ? "instruction" : "broken";
  if (query == "query: " && document == "passage: ") return "e5";
  if (query == "search_query: " && document == "search_document: ") return "nomic";
  if (query == "Represent this sentence for searching relevant passages: " && document.empty()) return "bge";
  return "broken";
}

std::vector<std::string> Row(const Entry& entry) {
  std::string name = entry.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  std::vector<std::string> memory;
  for (const std::string key : {"float32", "float16", "int8", "int4"}) {
    if (entry.memory_mb.contains(key)) memory.push_back(key + "=" + std::to_string(entry.memory_mb.at(key)));
  }
  EXPECT_THAT(memory, SizeIs(entry.memory_mb.size())) << entry.id;
  const auto& embedding = entry.embedding;
  return {json::EnumName(entry.type),
          entry.id,
          name,
          embedding ? Number(embedding->dimension) : "-",
          embedding ? Number(embedding->max_sequence_length) : "-",
          embedding ? embedding->pooling_method : "-",
          PrefixName(embedding),
          Number(entry.context_window),
          Join(memory, ","),
          entry.is_default ? "default" : "-"};
}

const Catalogue& All() {
  static const Catalogue catalogue(BuiltIn());
  return catalogue;
}

TEST(CuratedTest, TheListOfTheModelManagerIsExactlyTheTable) {
  const std::set<std::string> sources = {"embedding", "llm", "reranker", "splade"};
  std::vector<std::vector<std::string>> rows;
  for (const Entry& entry : All().entries()) {
    if (sources.contains(entry.source)) rows.push_back(Row(entry));
  }
  const auto table = ReadTable();
  ASSERT_THAT(table, SizeIs(32));
  ASSERT_THAT(rows, SizeIs(32));
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], table[i]);
}

TEST(CuratedTest, NoIdAndTypeComesTwice) {
  std::set<std::pair<std::string, ModelType>> seen;
  std::size_t count = 0;
  for (const Source& source : BuiltIn()) {
    for (const Entry& entry : source.entries) {
      ++count;
      EXPECT_TRUE(seen.emplace(entry.id, entry.type).second) << entry.id;
    }
  }
  EXPECT_EQ(All().entries().size(), count);  // nothing was merged away
}

TEST(CuratedTest, EveryEntrySaysWhatItIsAndWhereItsFilesAre) {
  for (const Entry& entry : All().entries()) {
    SCOPED_TRACE(entry.id);
    EXPECT_TRUE(model::ParseRepo(entry.repository).has_value()) << entry.repository;
    EXPECT_TRUE(model::IsRevision(entry.revision));
    EXPECT_FALSE(entry.name.empty());
    EXPECT_FALSE(entry.description.empty());
    EXPECT_FALSE(entry.provider.empty());
    EXPECT_TRUE(entry.curated);
    EXPECT_EQ(entry.embedding.has_value(), entry.type == ModelType::kEmbedding);
    EXPECT_EQ(entry.context_window.has_value(), entry.type == ModelType::kLlm);
    if (entry.embedding) {
      EXPECT_GT(entry.embedding->dimension.value_or(0), 0);
      EXPECT_GT(entry.embedding->max_sequence_length.value_or(0), 0);
    }
    if (entry.context_window) EXPECT_GT(*entry.context_window, 0);
    for (const auto& [quantisation, mb] : entry.memory_mb) EXPECT_GT(mb, 0) << quantisation;
    // The file that the engine is given is among those that are downloaded.
    const auto& patterns = entry.files.include;
    const bool same = std::find(patterns.begin(), patterns.end(), entry.main_file) != patterns.end();
    if (!entry.main_file.empty()) EXPECT_TRUE(same || entry.files.Picks(entry.main_file)) << entry.main_file;
    // What is served has something to serve; what is not has no claim to be.
    if (entry.provider == "huggingface") EXPECT_TRUE(entry.engine.empty() && entry.files.IsAll());
  }
}

TEST(CuratedTest, ConversionsAreOfCuratedModelsAndSayTheSameOfThem) {
  int count = 0;
  for (const Entry& entry : All().entries()) {
    if (entry.conversion_of.empty()) continue;
    SCOPED_TRACE(entry.id);
    ++count;
    const Entry* original = All().Find(entry.conversion_of, entry.type);
    ASSERT_NE(original, nullptr);
    EXPECT_EQ(entry.context_window, original->context_window);
    EXPECT_EQ(entry.licence, original->licence);
    auto expected = original->embedding;
    if (original->id == "BAAI/bge-large-en-v1.5") expected->pooling_method = "cls";  // what the files say, not the list
    EXPECT_EQ(entry.embedding, expected);
    EXPECT_EQ(All().Servable(original->id, entry.type), &entry);
    EXPECT_EQ(All().Servable(entry.id, entry.type), &entry);
  }
  EXPECT_EQ(count, 24);
}

TEST(CuratedTest, AModelThatNothingRunsHasNobodyToServeIt) {
  EXPECT_EQ(All().Servable("sentence-transformers/all-mpnet-base-v2", ModelType::kEmbedding), nullptr);
  EXPECT_EQ(All().Servable("none/such", ModelType::kEmbedding), nullptr);
  EXPECT_EQ(All().Servable("kokoro", ModelType::kEmbedding), nullptr);
}

TEST(CuratedTest, EveryTypeOfTextAndSpeechIsThereAndNoneHasTwoDefaults) {
  std::map<ModelType, int> count;
  std::map<ModelType, std::vector<std::string>> defaults;
  for (const Entry& entry : All().entries()) {
    ++count[entry.type];
    if (entry.is_default) defaults[entry.type].push_back(entry.id);
  }
  for (const ModelType type :
       {ModelType::kTts, ModelType::kStt, ModelType::kLlm, ModelType::kEmbedding, ModelType::kReranker, ModelType::kSplade}) {
    EXPECT_GT(count[type], 0) << json::EnumName(type);
  }
  EXPECT_THAT(defaults[ModelType::kTts], ElementsAre("kokoro"));
  EXPECT_THAT(defaults[ModelType::kStt], ElementsAre("deepdml/faster-whisper-large-v3-turbo-ct2"));
  EXPECT_THAT(defaults[ModelType::kEmbedding], ElementsAre("Qwen/Qwen3-Embedding-0.6B"));
  EXPECT_THAT(defaults[ModelType::kSplade], ElementsAre("naver/splade-cocondenser-ensembledistil"));
}

TEST(CuratedTest, SpeechModelsHaveTheNamesThatVoiceProgramsKnow) {
  std::map<std::string, int> count;
  for (const Entry& entry : All().entries()) {
    if (entry.source == "voice") ++count[entry.provider];
  }
  EXPECT_THAT(
      count, (std::map<std::string, int>{{"faster-whisper", 14}, {"kokoro", 1}, {"piper", 30}, {"pocket-tts", 2}, {"qwen3", 6}}));
  for (const char* id : {"Systran/faster-whisper-tiny.en", "Systran/faster-whisper-large-v3",
                         "Systran/faster-distil-whisper-medium.en", "kokoro", "pocket-tts", "piper/en_US-lessac-medium",
                         "piper/en_GB-alan-low", "qwen3-tts/1.7B-CustomVoice", "qwen3-tts/Tokenizer-12Hz"}) {
    EXPECT_NE(All().Find(id), nullptr) << id;
  }
}

TEST(CuratedTest, WhisperSizesShareARepositoryButNoFile) {
  const auto whispers = All().InRepository("ggerganov/whisper.cpp");
  EXPECT_THAT(whispers, SizeIs(11));
  std::set<std::string> files;
  for (const Entry* entry : whispers) {
    EXPECT_TRUE(files.insert(entry->main_file).second) << entry->main_file;
    for (const Entry* other : whispers) EXPECT_EQ(other->files.Picks(entry->main_file), other == entry);
  }
}

TEST(CuratedTest, OpenAiVoiceNamesMeanTheVoicesThatPeopleExpect) {
  EXPECT_EQ(All().Find("kokoro")->voice_aliases.at("alloy"), "af_heart");
  EXPECT_EQ(All().Find("qwen3-tts/0.6B-CustomVoice")->voice_aliases.at("nova"), "Vivian");
}

TEST(CuratedTest, GatedModelsAreMarked) {
  EXPECT_TRUE(All().Find("google/embeddinggemma-300m")->gated);
  EXPECT_TRUE(All().Find("naver/splade-v3")->gated);
  EXPECT_FALSE(All().Find("naver/splade-cocondenser-ensembledistil")->gated);
}

TEST(CuratedTest, SparseModelsTakeOnlyTheFilesThatTheEngineReads) {
  const Entry& splade = *All().Find("naver/splade-v3");
  EXPECT_EQ(splade.engine, "hostler-engine-llama");
  EXPECT_TRUE(splade.files.Picks("model.safetensors"));
  EXPECT_TRUE(splade.files.Picks("vocab.txt"));
  EXPECT_FALSE(splade.files.Picks("README.md"));
  EXPECT_FALSE(splade.files.Picks("onnx/model.onnx"));
}

}  // namespace
}  // namespace hostler::catalog
