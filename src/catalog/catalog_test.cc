#include "catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostler::catalog {
namespace {

using model::ModelType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Entry Make(std::string id, ModelType type = ModelType::kEmbedding, std::string name = {}) {
  Entry entry;
  entry.id = std::move(id);
  entry.type = type;
  entry.name = std::move(name);
  return entry;
}

std::vector<std::string> Ids(const std::vector<const Entry*>& entries) {
  std::vector<std::string> ids;
  for (const Entry* entry : entries) ids.push_back(entry->id);
  return ids;
}

std::vector<std::string> Ids(std::span<const Entry> entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

TEST(CatalogueTest, TheEarlierSourceWinsFieldByFieldAndGapsAreFilled) {
  Entry first = Make("a/b");
  first.description = "first";
  first.memory_mb = {{"float32", 1}};
  Entry second = Make("a/b");
  second.description = "second";
  second.name = "B";
  second.licence = "mit";
  second.engine = "llama-server";
  second.memory_mb = {{"float32", 2}, {"int8", 3}};
  const Catalogue catalogue({{"one", {first}}, {"two", {second}}});
  ASSERT_EQ(catalogue.entries().size(), 1U);
  const Entry& merged = catalogue.entries().front();
  EXPECT_EQ(merged.description, "first");
  EXPECT_EQ(merged.name, "B");
  EXPECT_EQ(merged.licence, "mit");
  EXPECT_EQ(merged.engine, "llama-server");
  EXPECT_EQ(merged.source, "one");
  EXPECT_THAT(merged.memory_mb, ElementsAre(Pair("float32", 1), Pair("int8", 3)));
}

TEST(CatalogueTest, MemoryOfALaterSourceFillsAnEmptyOne) {
  Entry first = Make("a/b", ModelType::kReranker);
  Entry second = first;
  second.memory_mb = {{"float16", 7}};
  const Catalogue catalogue({{"one", {first}}, {"two", {second}}});
  EXPECT_THAT(catalogue.entries().front().memory_mb, ElementsAre(Pair("float16", 7)));
}

TEST(CatalogueTest, TheEntryThatKnowsMoreOfItsTypeWinsThere) {
  Entry poor = Make("a/b");
  poor.description = "ours";
  poor.embedding.emplace().dimension = 1;
  Entry rich = Make("a/b");
  rich.description = "theirs";
  rich.embedding = Embedding{768, 512, "mean", true, "query: ", "passage: ", ""};
  const Catalogue catalogue({{"one", {poor}}, {"two", {rich}}});
  const Entry& merged = catalogue.entries().front();
  EXPECT_EQ(merged.embedding, rich.embedding);
  EXPECT_EQ(merged.description, "ours");  // not a matter of type: precedence decides
}

TEST(CatalogueTest, AmongEquallyRichEntriesTheEarlierWinsAndGapsAreFilled) {
  Entry first = Make("a/b");
  first.embedding = Embedding{100, std::nullopt, "cls", false, "", "", ""};
  Entry second = Make("a/b");
  second.embedding = Embedding{200, 64, "", false, "", "", ""};
  const Catalogue catalogue({{"one", {first}}, {"two", {second}}});
  EXPECT_EQ(catalogue.entries().front().embedding, (Embedding{100, 64, "cls", false, "", "", ""}));
}

TEST(CatalogueTest, PrefixesAreTakenTogether) {
  Entry first = Make("a/b");
  first.embedding = Embedding{100, 64, "cls", true, "q: ", "", ""};
  Entry second = Make("a/b");
  second.embedding = Embedding{std::nullopt, std::nullopt, "", true, "query: ", "passage: ", ""};
  const Catalogue catalogue({{"one", {first}}, {"two", {second}}});
  EXPECT_EQ(catalogue.entries().front().embedding->query_prefix, "q: ");
  EXPECT_EQ(catalogue.entries().front().embedding->document_prefix, "");
}

TEST(CatalogueTest, PatternsBelongToTheirRepository) {
  Entry first = Make("a/b");
  first.repository = "own/copy";
  Entry second = Make("a/b");
  second.repository = "a/b";
  second.files.include = {"*.gguf"};
  second.main_file = "x.gguf";
  second.size_mb = 5;
  const Catalogue catalogue({{"one", {first}}, {"two", {second}}});
  const Entry& merged = catalogue.entries().front();
  EXPECT_EQ(merged.repository, "own/copy");
  EXPECT_TRUE(merged.files.IsAll());
  EXPECT_EQ(merged.main_file, "");
  EXPECT_EQ(merged.size_mb, 0U);
}

TEST(CatalogueTest, WhatLiesInModelsIsMeantByItsName) {
  Entry curated = Make("kokoro", ModelType::kTts);
  curated.engine = "hostler-engine-sherpa";
  curated.repository = "org/kokoro";
  curated.main_file = "model.onnx";
  curated.is_default = true;
  Entry found = Make("kokoro", ModelType::kTts);
  found.path = "/models/kokoro";
  found.engine = "hostler-engine-llama";
  found.curated = false;
  const Entry served = Catalogue({{"voice", {curated}}, {"models", {found}}}).entries().front();
  EXPECT_EQ(served.path, "/models/kokoro");
  EXPECT_EQ(served.engine, "hostler-engine-llama");
  EXPECT_EQ(served.main_file, "");
  EXPECT_TRUE(served.is_default && served.curated);
  const Entry own = Catalogue({{"user", {curated}}, {"models", {found}}}).entries().front();
  EXPECT_EQ(own.path, "/models/kokoro");
  EXPECT_EQ(own.engine, "hostler-engine-sherpa") << "who says so knows best";
  Entry other = found;
  other.type = ModelType::kStt;
  EXPECT_EQ(Catalogue({{"voice", {curated}}, {"models", {other}}}).Find("kokoro", ModelType::kTts)->path, "");
}

TEST(CatalogueTest, ARepositoryIsNeverEmpty) {
  EXPECT_EQ(Catalogue({{"one", {Make("a/b")}}}).entries().front().repository, "a/b");
}

TEST(CatalogueTest, OneIdCanHaveSeveralTypes) {
  const Catalogue catalogue({{"one", {Make("a/b", ModelType::kTts), Make("a/b", ModelType::kLlm)}}});
  EXPECT_EQ(catalogue.entries().size(), 2U);
  EXPECT_EQ(catalogue.Find("a/b")->type, ModelType::kLlm);
  EXPECT_EQ(catalogue.Find("a/b", ModelType::kTts)->type, ModelType::kTts);
  EXPECT_EQ(catalogue.Find("a/b", ModelType::kImage), nullptr);
  EXPECT_EQ(catalogue.Find("a/c"), nullptr);
}

TEST(CatalogueTest, EachTypeHasOneDefaultAndTheEarlierSourceNamesIt) {
  Entry mine = Make("z");
  mine.is_default = true;
  Entry theirs = Make("a");
  theirs.is_default = true;
  Entry voice = Make("a", ModelType::kTts);
  voice.is_default = true;
  const Catalogue catalogue({{"user", {mine}}, {"embedding", {theirs, voice}}});
  EXPECT_FALSE(catalogue.Find("a", ModelType::kEmbedding)->is_default);
  EXPECT_TRUE(catalogue.Find("z")->is_default);
  EXPECT_TRUE(catalogue.Find("a", ModelType::kTts)->is_default);
}

TEST(CatalogueTest, OrderIsTypeThenNameOrIdByteWise) {
  const std::vector<Entry> entries = {Make("b", ModelType::kTts), Make("z", ModelType::kLlm, "A name"),
                                      Make("a", ModelType::kLlm), Make("B", ModelType::kLlm), Make("x", ModelType::kEmbedding)};
  const Catalogue forward({{"one", entries}});
  EXPECT_THAT(Ids(forward.entries()), ElementsAre("x", "z", "B", "a", "b"));
  const Catalogue backward({{"one", {entries.rbegin(), entries.rend()}}});
  EXPECT_EQ(Ids(backward.entries()), Ids(forward.entries()));
  EXPECT_THAT(Ids(forward.OfType(ModelType::kLlm)), ElementsAre("z", "B", "a"));
  EXPECT_THAT(Ids(forward.OfType(ModelType::kImage)), IsEmpty());
}

TEST(CatalogueTest, FindsAllEntriesOfARepository) {
  Entry tiny = Make("tiny", ModelType::kStt);
  Entry base = Make("base", ModelType::kStt);
  tiny.repository = base.repository = "shared/files";
  const Catalogue catalogue({{"one", {tiny, base, Make("other")}}});
  EXPECT_THAT(Ids(catalogue.InRepository("shared/files")), UnorderedElementsAre("tiny", "base"));
  EXPECT_THAT(catalogue.InRepository("none/such"), IsEmpty());
}

TEST(CatalogueTest, SearchWantsEveryWordInAnyCaseAndPutsTheBestFirst) {
  Entry mentions = Make("aa/x", ModelType::kLlm);
  mentions.description = "goes well with Kokoro";
  Entry provides = Make("voice", ModelType::kTts);
  provides.provider = "kokoro";
  const Catalogue catalogue(
      {{"one", {mentions, provides, Make("kokoro", ModelType::kTts), Make("my/kokoro-fine", ModelType::kTts)}}});
  EXPECT_THAT(Ids(catalogue.Search("KOKORO")), ElementsAre("kokoro", "my/kokoro-fine", "voice", "aa/x"));
  EXPECT_THAT(Ids(catalogue.Search(" tts  kokoro ")), ElementsAre("kokoro", "my/kokoro-fine", "voice"));
  EXPECT_THAT(catalogue.Search("kokoro nonsense"), IsEmpty());
  EXPECT_EQ(catalogue.Search("").size(), 4U);
  EXPECT_THAT(catalogue.Search(std::string(1 << 20, 'k')), IsEmpty());  // answered without reading all of it
}

TEST(CatalogueTest, NearestKnowsMisspeltIdsAndForgottenOwners) {
  const Catalogue catalogue({{"one", {Make("Qwen/Qwen3-Embedding-0.6B"), Make("kokoro", ModelType::kTts)}}});
  EXPECT_EQ(catalogue.Nearest("kokorro"), "kokoro");
  EXPECT_EQ(catalogue.Nearest("qwen/qwen3-embeding-0.6b"), "Qwen/Qwen3-Embedding-0.6B");
  EXPECT_EQ(catalogue.Nearest("Qwen3-Embedding-0.6"), "Qwen/Qwen3-Embedding-0.6B");
  EXPECT_EQ(catalogue.Nearest("entirely-different-thing"), "");
  EXPECT_EQ(Catalogue().Nearest("x"), "");
}

TEST(MainFileTest, TakesTheNameElseTheFirstThatItsPatternPicks) {
  Entry entry = Make("a/b");
  EXPECT_EQ(MainFile(entry, {"x.gguf"}), "");
  entry.main_file = "*Q8_0.gguf";
  EXPECT_EQ(MainFile(entry, {"mmproj-m-Q8_0.gguf", "m-Q8_0.gguf", "README.md"}), "m-Q8_0.gguf");
  EXPECT_EQ(MainFile(entry, {"b-00002-Q8_0.gguf", "b-00001-Q8_0.gguf"}), "b-00001-Q8_0.gguf");
  EXPECT_EQ(MainFile(entry, {"m-Q4_K_M.gguf"}), "");
  entry.main_file = "[odd].bin";
  EXPECT_EQ(MainFile(entry, {"[odd].bin", "o.bin"}), "[odd].bin");
}

}  // namespace
}  // namespace hostler::catalog
