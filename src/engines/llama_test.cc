// llama-server seen from outside: what its files are for, how it is started, what its lines mean. No process is started here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "catalog/testing/gguf_writer.h"
#include "engines/llama_adapter.h"
#include "engines/llama_plan.h"
#include "engines/llama_report.h"
#include "os/testing/temp_folder.h"

namespace hostler::engines {
namespace {

using catalog::testing::GgufWriter;
using model::ModelType;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

model::Entry EntryOf(ModelType type, std::string_view options = "{}") {
  model::Entry entry;
  entry.id = "m";
  entry.type = type;
  entry.engine = "llama-server";
  entry.options = boost::json::parse(options);
  return entry;
}

catalog::GgufHeader HeaderOf(const GgufWriter& writer) {
  return catalog::ReadGgufHeader(writer.Bytes()).value();
}

GgufWriter Llama() {
  return GgufWriter().Text("general.architecture", "llama").U32("llama.context_length", 32768);
}
GgufWriter Bert() {
  return GgufWriter().Text("general.architecture", "bert").U32("bert.context_length", 512).U32("bert.pooling_type", 2);
}

std::vector<std::string> ArgumentsOf(const LlamaModel& model, std::string_view options = "{}",
                                     log::Level level = log::Level::kInfo) {
  return LlamaArguments("org/m", model, ReadLlamaOptions(boost::json::parse(options)).value(), "/x.sock", 3, level);
}

// What stands behind `flag`; "(none)" if it is not there.
std::string After(const std::vector<std::string>& arguments, std::string_view flag) {
  const auto found = std::ranges::find(arguments, flag);
  return found == arguments.end() || found + 1 == arguments.end() ? "(none)" : *(found + 1);
}

// ---- what it is for ----

TEST(LlamaTask, TypeAndHeaderMustAgree) {
  const auto llama = HeaderOf(Llama());
  const auto bert = HeaderOf(Bert());
  const auto scores = HeaderOf(Bert().Tensor("cls.output.weight"));
  EXPECT_EQ(TaskOf(EntryOf(ModelType::kLlm), llama), LlamaTask::kChat);
  EXPECT_EQ(TaskOf(EntryOf(ModelType::kEmbedding), bert), LlamaTask::kEmbed);
  EXPECT_EQ(TaskOf(EntryOf(ModelType::kEmbedding), llama), LlamaTask::kEmbed);  // a language model made into an embedder
  EXPECT_EQ(TaskOf(EntryOf(ModelType::kReranker), scores), LlamaTask::kRerank);
  const auto says = [](ModelType type, const catalog::GgufHeader& header) {
    const auto task = TaskOf(EntryOf(type), header);
    return task ? "accepted" : task.error().name + ": " + task.error().message + " " + task.error().remedy;
  };
  EXPECT_THAT(says(ModelType::kLlm, bert), HasSubstr("makes vectors and does not chat"));
  EXPECT_THAT(says(ModelType::kLlm, scores), HasSubstr("has a head that scores"));
  EXPECT_THAT(says(ModelType::kEmbedding, scores), HasSubstr("has a head that scores"));
  EXPECT_THAT(says(ModelType::kReranker, bert), HasSubstr("Change the entry's type to \"embedding\""));
  EXPECT_THAT(says(ModelType::kReranker, llama), HasSubstr("has no head that scores"));
  EXPECT_THAT(says(ModelType::kTts, llama), HasSubstr("llama-server has no models of type tts"));
  EXPECT_THAT(says(ModelType::kLlm, HeaderOf(GgufWriter().Text("general.architecture", "clip"))), HasSubstr("a projector"));
  EXPECT_THAT(says(ModelType::kLlm, HeaderOf(Llama().Text("general.type", "adapter"))), HasSubstr("an adapter (LoRA)"));
  EXPECT_THAT(says(ModelType::kLlm, HeaderOf(GgufWriter())), HasSubstr("load_failed: "));
}

TEST(LlamaTask, LooksIntoFoldersAndBesideFiles) {
  const os::TempFolder folder;
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder.path() / name, std::ios::binary) << bytes;
  };
  EXPECT_THAT(LookAt(EntryOf(ModelType::kLlm), folder.path()).error().message, HasSubstr("no GGUF file of a model in"));
  write("model-00001-of-00002.gguf", Llama().Bytes());
  write("model-00002-of-00002.gguf", Llama().Bytes());
  write("mmproj-f16.gguf", GgufWriter().Text("general.architecture", "clip").Bytes());
  const auto model = LookAt(EntryOf(ModelType::kLlm), folder.path());
  ASSERT_TRUE(model.has_value()) << model.error().Text();
  EXPECT_EQ(model->file.filename(), "model-00001-of-00002.gguf");
  EXPECT_EQ(model->projector.filename(), "mmproj-f16.gguf");
  EXPECT_EQ(model->context, 32768);
  const auto scores = [&](const std::string& architecture) {
    write("scores.gguf", GgufWriter()
                             .Text("general.architecture", architecture)
                             .U32(architecture + ".pooling_type", 4)
                             .Tensor("cls.output.weight")
                             .Bytes());
    return LookAt(EntryOf(ModelType::kReranker), folder.path() / "scores.gguf")->probabilities;
  };
  EXPECT_TRUE(scores("qwen3"));
  EXPECT_FALSE(scores("bert"));
  std::filesystem::remove(folder.path() / "scores.gguf");
  write("other.gguf", Llama().Bytes());  // whose projector is it now?
  EXPECT_EQ(LookAt(EntryOf(ModelType::kLlm), folder.path() / "other.gguf")->projector, "");
  write("page.gguf", "<html>");
  EXPECT_THAT(LookAt(EntryOf(ModelType::kLlm), folder.path() / "page.gguf").error().message, HasSubstr("is no GGUF file"));
  write("cut.gguf", Llama().Bytes().substr(0, 60));
  EXPECT_THAT(LookAt(EntryOf(ModelType::kLlm), folder.path() / "cut.gguf").error().message, HasSubstr("ends within its header"));
  EXPECT_THAT(LookAt(EntryOf(ModelType::kLlm), folder.path() / "none.gguf").error().message, HasSubstr("cannot be read"));
}

// ---- how it is started ----

TEST(LlamaArguments, ForAConversation) {
  const LlamaModel model{
      .file = "/models/m.gguf", .task = LlamaTask::kChat, .context = 32768, .projector = "/models/mmproj.gguf"};
  const auto usual = ArgumentsOf(model);
  EXPECT_EQ(After(usual, "-m"), "/models/m.gguf");
  EXPECT_EQ(After(usual, "-a"), "org/m");
  EXPECT_EQ(After(usual, "--host"), "/x.sock");
  EXPECT_EQ(After(usual, "-c"), "16384");  // two conversations of 8192 tokens
  EXPECT_EQ(After(usual, "-np"), "2");
  EXPECT_EQ(After(usual, "-b"), "512");
  EXPECT_EQ(After(usual, "--cache-ram"), "256");
  EXPECT_EQ(After(usual, "-t"), "3");
  EXPECT_EQ(After(usual, "--mmproj"), "/models/mmproj.gguf");
  EXPECT_EQ(After(usual, "-ngl"), "(none)");
  EXPECT_EQ(After(usual, "-lv"), "2");
  EXPECT_THAT(usual, IsSupersetOf({"--offline", "--jinja"}));
  EXPECT_THAT(usual, Not(Contains("--embeddings")));
  const auto told =
      ArgumentsOf(model, R"({"context":1000,"parallel":3,"batch":64,"cache_mb":0,"gpu_layers":7,"threads":1,"mmproj":"",
                                           "lora":["a.gguf","/b.gguf"],"chat_template":"t.jinja","cache_type":"q8_0"})");
  EXPECT_EQ(After(told, "-c"), "3000");
  EXPECT_EQ(After(told, "-ub"), "64");
  EXPECT_EQ(After(told, "-t"), "1");
  EXPECT_EQ(After(told, "-ngl"), "7");
  EXPECT_EQ(After(told, "--mmproj"), "(none)");
  EXPECT_EQ(After(told, "--lora"), "/models/a.gguf");
  EXPECT_THAT(told, Contains("/b.gguf"));
  EXPECT_EQ(After(told, "--chat-template-file"), "/models/t.jinja");
  EXPECT_EQ(After(told, "-ctv"), "q8_0");
  EXPECT_EQ(After(ArgumentsOf({.file = "/m", .context = 2048}), "-c"), "4096");  // trained for less
  EXPECT_EQ(After(ArgumentsOf(model, "{}", log::Level::kDebug), "-lv"), "3");
}

TEST(LlamaArguments, ForVectorsAndScores) {
  LlamaModel model{.file = "/m.gguf", .task = LlamaTask::kEmbed, .context = 512, .vocabulary = 30'522, .pools = true};
  const auto embed = ArgumentsOf(model);
  EXPECT_THAT(embed, Contains("--embeddings"));
  EXPECT_EQ(After(embed, "--pooling"), "(none)");  // the file says it
  EXPECT_EQ(After(embed, "-ub"), "512");           // a text is read in one step
  EXPECT_EQ(After(embed, "-c"), "2048");
  EXPECT_EQ(After(embed, "--cache-ram"), "0");
  model.pools = false;
  EXPECT_EQ(After(ArgumentsOf(model), "--pooling"), "last");
  model.encoder = true;
  EXPECT_EQ(After(ArgumentsOf(model), "--pooling"), "mean");
  EXPECT_EQ(After(ArgumentsOf(model, R"({"pooling":"cls"})"), "--pooling"), "cls");
  model.task = LlamaTask::kRerank;
  EXPECT_THAT(ArgumentsOf(model), Contains("--rerank"));
  EXPECT_THAT(ArgumentsOf(model), Not(Contains("--embeddings")));
}

TEST(LlamaArguments, ALargeVocabularyMakesTextsShorter) {
  LlamaModel model{.task = LlamaTask::kEmbed, .context = 8192, .vocabulary = 250'002};
  EXPECT_EQ(LongestText(model, {}), 1024);  // 2^30 bytes / (250002 * 4) = 1073, in whole blocks
  EXPECT_EQ(LongestText(model, {.context = 4000}), 4000);
  model.vocabulary = 30'522;
  EXPECT_EQ(LongestText(model, {}), 8192);
  model.context = 100;
  EXPECT_EQ(LongestText(model, {}), 100);
  EXPECT_EQ(LongestText({}, {}), 512);
}

TEST(LlamaOptions, AreStrict) {
  const auto fails = [](std::string_view text) {
    const auto options = ReadLlamaOptions(boost::json::parse(text));
    return options ? "accepted" : options.error().field + ": " + options.error().remedy;
  };
  EXPECT_EQ(fails("{}"), "accepted");
  EXPECT_EQ(fails(R"({"contxt":5})"), "options.contxt: Did you mean \"context\"?");
  EXPECT_THAT(fails(R"({"context":"5"})"), HasSubstr("options.context: "));
  EXPECT_EQ(fails(R"({"parallel":0})"), "options.parallel: Give a number from 1 to 256.");
  EXPECT_EQ(fails(R"({"pooling":"none"})"), "options.pooling: Use one of: mean, cls, last.");
  EXPECT_THAT(fails(R"({"lora":[1]})"), HasSubstr("options.lora[0]: "));
}

TEST(Adapters, AreChosenByTheProgram) {
  model::Entry entry = EntryOf(ModelType::kLlm);
  EXPECT_NE(dynamic_cast<const LlamaAdapter*>(&AdapterOf(entry)), nullptr);
  entry.engine = "/opt/llama.cpp/llama-server";
  EXPECT_NE(dynamic_cast<const LlamaAdapter*>(&AdapterOf(entry)), nullptr);
  entry.engine = "hostler-engine-llama";
  EXPECT_EQ(dynamic_cast<const LlamaAdapter*>(&AdapterOf(entry)), nullptr);
}

TEST(Adapters, LlamaServerKeepsItsOwnAffairs) {
  const model::Entry chats = EntryOf(ModelType::kLlm);
  const model::Entry embeds = EntryOf(ModelType::kEmbedding);
  const Adapter& llama = AdapterOf(chats);
  EXPECT_TRUE(llama.IsWork(chats, http::Method::kGet, "/health"));
  EXPECT_TRUE(llama.IsWork(chats, http::Method::kPost, "/tokenize"));
  EXPECT_TRUE(llama.IsWork(embeds, http::Method::kPost, "/v1/embeddings"));
  EXPECT_FALSE(llama.IsWork(EntryOf(ModelType::kReranker), http::Method::kPost, "/v1/embeddings"));  // it would be nonsense
  EXPECT_FALSE(llama.IsWork(embeds, http::Method::kPost, "/v1/rerank"));
  for (const char* route :
       {"/slots", "/props", "/metrics", "/lora-adapters", "/v1/streams", "/cors-proxy", "/tools", "/v1/chat/completions"}) {
    EXPECT_FALSE(llama.IsWork(chats, http::Method::kGet, route)) << route;
    EXPECT_FALSE(llama.IsWork(chats, http::Method::kPost, route)) << route;
  }
}

// ---- what it says ----

TEST(LlamaLines, LevelsAndTexts) {
  const auto line = ReadLlamaLine("0.00.042.370 E llama_model_load: error loading model: no room");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->level, log::Level::kError);
  EXPECT_EQ(line->text, "llama_model_load: error loading model: no room");
  EXPECT_EQ(ReadLlamaLine("12.34.567.890 W srv  init: careful")->level, log::Level::kWarning);
  EXPECT_EQ(ReadLlamaLine("0.00.051.086 I x")->level, log::Level::kInfo);
  EXPECT_EQ(ReadLlamaLine("0.00.051.086 D x")->level, log::Level::kDebug);
  EXPECT_EQ(ReadLlamaLine("0.00.051.086 W slot   operator(): id  1 | task 72 | n_past was set to 29")->level, log::Level::kDebug);
  EXPECT_EQ(ReadLlamaLine("0.00.051.086 E srv    send_error: task id = 111, error: too long")->level, log::Level::kDebug);
  for (const char* other :
       {"", "load_backend: loaded CPU backend", "0.00.051.086", "0.00.051.086 X x", "0.00.05a.086 I x", "1 I x"})
    EXPECT_FALSE(ReadLlamaLine(other).has_value()) << other;
}

TEST(LlamaStates, ProgressAndReadiness) {
  const auto state = [](std::string_view json) { return ReadLlamaState("cmd_child_to_router:state:" + std::string(json)); };
  const auto first =
      state(R"({"state":"loading","payload":{"stages":["text_model","mmproj_model"],"current":"text_model","value":0.5}})");
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(first->ready);
  EXPECT_EQ(first->progress.stage, "reading weights");
  EXPECT_EQ(first->progress.fraction.value, 0.25);
  const auto second =
      state(R"({"state":"loading","payload":{"stages":["text_model","mmproj_model"],"current":"mmproj_model","value":1}})");
  EXPECT_EQ(second->progress.stage, "reading the projector");
  EXPECT_EQ(second->progress.fraction.value, 1.0);
  EXPECT_EQ(state(R"({"state":"loading","payload":{"stage":"mmproj_model"}})")->progress.fraction.value, std::nullopt);
  const auto ready = state(R"({"state":"ready","payload":{"id":"m","meta":{"n_ctx":2048,"n_embd":64,"n_vocab":366}}})");
  ASSERT_TRUE(ready.has_value());
  EXPECT_TRUE(ready->ready);
  EXPECT_EQ(ready->context, 2048);
  EXPECT_EQ(ready->dimension, 64);
  EXPECT_FALSE(state(R"({"state":"ready","payload":{}})").has_value());  // the load is over, requests are not answered yet
  EXPECT_FALSE(state("{").has_value());
  EXPECT_FALSE(ReadLlamaState("something else").has_value());
}

TEST(LlamaRefusal, TheFirstErrorIsTheCause) {
  const std::vector<std::string> lines = {"load_backend: loaded CPU backend",
                                          "0.00.030.020 I srv  llama_server: initializing ...",
                                          "0.00.042.370 E llama_model_load: error loading model: tensor 'x' data is not within "
                                          "the file bounds, model is corrupted or "
                                          "incomplete",
                                          "0.00.042.378 E llama_model_load_from_file_impl: failed to load model"};
  const auto refusal = ReadLlamaRefusal(lines, "m");
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->message,
            "\"m\" cannot be loaded: tensor 'x' data is not within the file bounds, model is corrupted or incomplete");
  EXPECT_THAT(refusal->remedy, HasSubstr("download or copy it again"));
  EXPECT_EQ(refusal->name, "load_failed");
  EXPECT_FALSE(ReadLlamaRefusal(std::span(lines).first(2), "m").has_value());
  const std::vector<std::string> argument = {"error while handling argument \"--lora\": no such file"};
  EXPECT_THAT(ReadLlamaRefusal(argument, "m")->message, HasSubstr("--lora"));
}

TEST(LlamaErrors, BecomeOurs) {
  const auto error = [](unsigned status, std::string_view fields) {
    return ReadLlamaError(status, R"({"error":{)" + std::string(fields) + "}}");
  };
  const Error context =
      error(400, R"("code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":3000,"n_ctx":2048)");
  EXPECT_EQ(context.name, "context_length_exceeded");
  EXPECT_EQ(context.code, Code::kInvalid);
  EXPECT_THAT(context.message, HasSubstr("3000 tokens, and the model takes 2048"));
  const Error text =
      error(500, R"x("message":"input (1002 tokens) is too large to process (current batch size: 512)","type":"server_error")x");
  EXPECT_EQ(text.name, "input_too_long");
  EXPECT_EQ(text.code, Code::kInvalid);
  const auto numbers = ReadTooLong(text.message);
  ASSERT_TRUE(numbers.has_value());
  EXPECT_EQ(numbers->tokens, 1002);
  EXPECT_EQ(numbers->limit, 512);
  EXPECT_EQ(error(500, R"("message":"[json.exception.type_error.302] type must be string","type":"server_error")").code,
            Code::kInvalid);
  EXPECT_EQ(error(500, R"("message":"model output does not match","type":"server_error")").code, Code::kUpstream);
  EXPECT_EQ(error(501, R"("message":"no","type":"not_supported_error")").code, Code::kUnsupported);
  EXPECT_EQ(error(503, R"("message":"Loading model","type":"unavailable_error")").code, Code::kUnavailable);
  EXPECT_EQ(ReadLlamaError(500, "junk \xff").code, Code::kUpstream);
  for (const unsigned status : {400U, 500U, 501U, 503U}) EXPECT_FALSE(error(status, R"("message":"x")").remedy.empty()) << status;
}

}  // namespace
}  // namespace hostler::engines
