#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/catalog.h"

namespace hostler::catalog {
namespace {

using model::ModelType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(UserEntriesTest, ReadsEveryKey) {
  const auto source = ParseUserEntries(R"(
[[model]]
id = "mine"
type = "embedding"
name = "My own"
description = "From our lab"
provider = "llama"
engine = "llama-server"
repository = "lab/mine-GGUF"
revision = "v2"
files = ["*Q8_0.gguf", "extra/"]
exclude = ["extra/old*"]
main_file = "*Q8_0.gguf"
size_mb = 640
memory_mb = { int8 = 700, float16 = 1400 }
licence = "mit"
gated = true
default = true
conversion_of = "lab/original"
options = { threads = 2, deep = { a = [1, 2] } }
dimension = 384
max_sequence_length = 512
pooling_method = "cls"
query_prefix = "query: "
document_prefix = "passage: "
default_query_instruction = "Find it"

[[model]]
id = "lab/voice"
type = "tts"
voice_aliases = { alloy = "ann" }

[[model]]
id = "lab/chat"
type = "llm"
context_window = 4096
)",
                                       "models.toml");
  ASSERT_TRUE(source.has_value()) << source.error().Text();
  EXPECT_EQ(source->name, "user");
  ASSERT_THAT(source->entries, SizeIs(3));
  const Entry& mine = source->entries[0];
  EXPECT_EQ(mine.id, "mine");
  EXPECT_EQ(mine.type, ModelType::kEmbedding);
  EXPECT_EQ(mine.name, "My own");
  EXPECT_EQ(mine.description, "From our lab");
  EXPECT_EQ(mine.provider, "llama");
  EXPECT_EQ(mine.engine, "llama-server");
  EXPECT_EQ(mine.repository, "lab/mine-GGUF");
  EXPECT_EQ(mine.revision, "v2");
  EXPECT_EQ(mine.files, (model::Selection{{"*Q8_0.gguf", "extra/"}, {"extra/old*"}}));
  EXPECT_EQ(mine.main_file, "*Q8_0.gguf");
  EXPECT_EQ(mine.size_mb, 640U);
  EXPECT_THAT(mine.memory_mb, ElementsAre(Pair("float16", 1400), Pair("int8", 700)));
  EXPECT_EQ(mine.licence, "mit");
  EXPECT_TRUE(mine.gated);
  EXPECT_TRUE(mine.is_default);
  EXPECT_EQ(mine.conversion_of, "lab/original");
  EXPECT_EQ(mine.options, boost::json::parse(R"({"threads":2,"deep":{"a":[1,2]}})"));
  EXPECT_EQ(mine.embedding, (Embedding{384, 512, "cls", true, "query: ", "passage: ", "Find it"}));
  EXPECT_EQ(mine.source, "user");
  EXPECT_THAT(source->entries[1].voice_aliases, ElementsAre(Pair("alloy", "ann")));
  EXPECT_EQ(source->entries[2].context_window, 4096);
}

TEST(UserEntriesTest, AnEmptyFileHasNoEntries) {
  const auto source = ParseUserEntries("# nothing yet\n", "models.toml");
  ASSERT_TRUE(source.has_value());
  EXPECT_THAT(source->entries, IsEmpty());
}

TEST(UserEntriesTest, AsymmetryFollowsFromThePrefixesUnlessItIsSaid) {
  const auto entry = [](const std::string& lines) {
    const auto source = ParseUserEntries("[[model]]\nid = \"a\"\ntype = \"embedding\"\n" + lines, "m");
    return source->entries.at(0).embedding->is_asymmetric;
  };
  EXPECT_FALSE(entry(""));
  EXPECT_TRUE(entry("query_prefix = \"q: \"\n"));
  EXPECT_TRUE(entry("is_asymmetric = true\n"));
  EXPECT_FALSE(entry("is_asymmetric = false\nquery_prefix = \"q: \"\n"));
}

TEST(UserEntriesTest, TheUsersWordGoesBeforeTheBuiltInList) {
  auto user =
      ParseUserEntries("[[model]]\nid = \"kokoro\"\ntype = \"tts\"\nrepository = \"lab/kokoro\"\ndescription = \"Ours\"\n", "m");
  ASSERT_TRUE(user.has_value());
  std::vector<Source> sources = {*std::move(user)};
  for (Source& source : BuiltIn()) sources.push_back(std::move(source));
  const Catalogue catalogue(std::move(sources));
  const Entry& kokoro = *catalogue.Find("kokoro");
  EXPECT_EQ(kokoro.repository, "lab/kokoro");
  EXPECT_EQ(kokoro.description, "Ours");
  EXPECT_EQ(kokoro.engine, "hostler-engine-sherpa");
  EXPECT_TRUE(kokoro.is_default);
}

TEST(UserEntriesTest, OtherFilesOfTheSameRepositoryNeedNotNameItAgain) {
  auto user = ParseUserEntries(
      "[[model]]\nid = \"Qwen/Qwen3-Embedding-0.6B-GGUF\"\ntype = \"embedding\"\nfiles = [\"*f16.gguf\"]\n"
      "[[model]]\nid = \"kokoro\"\ntype = \"tts\"\nrevision = \"v1\"\n",
      "m");
  ASSERT_TRUE(user.has_value());
  std::vector<Source> sources = {*std::move(user)};
  for (Source& source : BuiltIn()) sources.push_back(std::move(source));
  const Catalogue catalogue(std::move(sources));
  const Entry& embedding = *catalogue.Find("Qwen/Qwen3-Embedding-0.6B-GGUF");
  EXPECT_EQ(embedding.files.include, std::vector<std::string>{"*f16.gguf"});
  EXPECT_EQ(embedding.main_file, "");  // the built-in one is another file
  EXPECT_EQ(embedding.embedding->dimension, 1024);
  EXPECT_EQ(catalogue.Find("kokoro")->revision, "v1");
  EXPECT_EQ(catalogue.Find("kokoro")->repository, "csukuangfj/kokoro-multi-lang-v1_0");
}

struct Bad {
  std::string toml;
  int line;
  std::string message;
  std::string remedy;
};

class BadEntriesTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadEntriesTest, SayWhereAndWhatToDo) {
  const auto source = ParseUserEntries(GetParam().toml, "/home/x/models.toml");
  ASSERT_FALSE(source.has_value());
  EXPECT_THAT(source.error().message, HasSubstr("/home/x/models.toml:" + std::to_string(GetParam().line) + ": "));
  EXPECT_THAT(source.error().message, HasSubstr(GetParam().message));
  EXPECT_THAT(source.error().remedy, HasSubstr(GetParam().remedy));
}

const std::string kHead = "[[model]]\nid = \"a/b\"\ntype = \"llm\"\n";

INSTANTIATE_TEST_SUITE_P(
    Each, BadEntriesTest,
    ::testing::Values(Bad{"x = [\n", 1, "not valid TOML", ""},                                                           //
                      Bad{"[models]\n", 1, "models: unknown key", "[[model]]"},                                          //
                      Bad{"[model]\nid = \"a\"\n", 1, "expected [[model]] tables", "double brackets"},                   //
                      Bad{"model = [1]\n", 1, "expected a table, got 1", "[[model]]"},                                   //
                      Bad{"[[model]]\ntype = \"llm\"\n", 1, "model.id: missing", "needs id and type"},                   //
                      Bad{"[[model]]\nid = \"a/b\"\n", 1, "model.type: missing; a [[model]] of \"a/b\"", "needs id"},    //
                      Bad{"[[model]]\nid = \"../b\"\n", 2, "model.id: expected a model id", "Change"},                   //
                      Bad{kHead + "contxt_window = 5\n", 4, "model.contxt_window: unknown key", "context_window"},       //
                      Bad{kHead + "xyz = 5\n", 4, "model.xyz: unknown key", "A [[model]] has: id, type"},                //
                      Bad{kHead + "context_window = 0\n", 4, "expected an integer from 1", "Change"},                    //
                      Bad{kHead + "context_window = 5.5\n", 4, "expected an integer from 1", "Change"},                  //
                      Bad{kHead + "engine = \"bash\"\n", 4, "model.engine: expected \"llama-server\"", "Change"},        //
                      Bad{kHead + "repository = \"a/b/c\"\n", 4, "more than one '/'", "as the hub does"},                //
                      Bad{kHead + "revision = \"../x\"\n", 4, "model.revision: expected a branch", "Change"},            //
                      Bad{kHead + "main_file = \"/etc/passwd\"\n", 4, "model.main_file: expected a file", "Change"},     //
                      Bad{kHead + "files = []\n", 4, "a list of 1 to 64 patterns", "Change"},                            //
                      Bad{kHead + "files = [1]\n", 4, "a list of 1 to 64 patterns", "Change"},                           //
                      Bad{kHead + "memory_mb = { int8 = 0 }\n", 4, "a table of integers", "Change"},                     //
                      Bad{kHead + "options = 3\n", 4, "expected a table, got 3", "Change"},                              //
                      Bad{kHead + "options = { d = 2020-01-01 }\n", 4, "model.options", ""},                             //
                      Bad{kHead + "dimension = 5\n", 4, "only for models of type embedding", "type = \"embedding\""},    //
                      Bad{"[[model]]\nid = \"a b\"\ntype = \"llm\"\n", 1, "model.repository: missing", "repository ="},  //
                      Bad{kHead + kHead, 4, "\"a/b\" of type llm is already there, on line 1", "an id of its own"}));

TEST(UserEntriesTest, TooMuchIsRefusedBeforeItIsRead) {
  EXPECT_EQ(ParseUserEntries(std::string((8 << 20) + 1, '#'), "m").error().code, Code::kTooLarge);
  std::string many;
  for (int i = 0; i < 20001; ++i) many += "[[model]]\nid = \"m" + std::to_string(i) + "\"\ntype = \"llm\"\n";
  EXPECT_EQ(ParseUserEntries(many, "m").error().code, Code::kTooLarge);
}

}  // namespace
}  // namespace hostler::catalog
