// The real llama-server under an Instance, asked as requests ask it: vectors and scores, texts that are too long, its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <future>

#include "engines/talk.h"
#include "os/testing/temp_folder.h"

#ifdef HOSTLER_NATIVE_LLAMA
namespace hostler::engines {
namespace {

using model::ModelType;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A workshop with two loops: one that owns engines, one on which requests run.
class LlamaServer : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ::setenv("HOSTLER_GGML_CPU", HOSTLER_NATIVE_LLAMA "/libggml-cpu-haswell.so", 1); }
  LlamaServer() : log_("test", log::Level::kInfo, false), switchboard_({&requests_}) {
    workshop_.control = &control_;
    workshop_.pool = &pool_;
    workshop_.log = &log_;
    workshop_.socket_folder = folder_.path();
    workshop_.socket_folder_fd =
        std::make_shared<const os::Descriptor>(::open(folder_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    workshop_.marker = "HOSTLER_ENGINE_HOME=" + folder_.path().string();
    workshop_.forget = [this](const http::Endpoint& endpoint) { switchboard_.Forget(endpoint); };
    control_.Start();
    requests_.Start();
  }
  ~LlamaServer() override {
    if (instance_) {
      (void)On(control_, StopIt());
      std::promise<void> gone;
      control_.Post([&] {
        instance_.reset();
        gone.set_value();
      });
      gone.get_future().wait();
    }
    control_.Stop();
    requests_.Stop();
    control_.Join();
    requests_.Join();
  }

  // Runs a task to its end on a loop.
  template <class T>
  T On(Loop& loop, Task<T> task) {
    std::promise<T> done;
    loop.Spawn(Hand(std::move(task), done));
    return done.get_future().get();
  }
  Result<model::Receipt> Start(const std::string& file, ModelType type, std::string_view options = "{}") {
    model::Entry entry;
    entry.id = "m";
    entry.type = type;
    entry.engine = HOSTLER_NATIVE_LLAMA "/llama-server";
    entry.path = HOSTLER_TEST_MODELS "/" + file;
    entry.options = boost::json::parse(options);
    return On(control_, StartIt(std::move(entry)));
  }
  Result<wire::EmbedReply> Embed(wire::EmbedRequest request) {
    return On(requests_, switchboard_.Embed(instance_->handle(), std::move(request)));
  }
  Result<wire::RerankReply> Rerank(wire::RerankRequest request) {
    return On(requests_, switchboard_.Rerank(instance_->handle(), std::move(request)));
  }
  Task<model::Receipt> StopIt() { co_return co_await instance_->Stop(); }

 private:
  template <class T>
  static Task<> Hand(Task<T> task, std::promise<T>& done) {
    done.set_value(co_await std::move(task));
  }
  Task<Result<model::Receipt>> StartIt(model::Entry entry) {
    instance_ = std::make_unique<Instance>(
        workshop_, std::move(entry), [this](Dossier) { ++crashes_; },
        [this](const wire::LoadProgress& progress) { progress_.push_back(progress); });
    co_return co_await instance_->Start();
  }

 protected:
  const os::TempFolder folder_;
  log::Log log_;
  Loop control_{"control"};
  Loop requests_{"requests"};
  Pool pool_{"pool", 1};
  Workshop workshop_;
  Switchboard switchboard_;
  std::unique_ptr<Instance> instance_;
  std::vector<wire::LoadProgress> progress_;
  int crashes_ = 0;
};

double Length(const std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

TEST_F(LlamaServer, VectorsInTheOrderOfTheTexts) {
  const auto receipt = Start("tiny_bert/tiny-bert.gguf", ModelType::kEmbedding);
  ASSERT_TRUE(receipt.has_value()) << receipt.error().Text();
  EXPECT_GT(receipt->memory_after_mb, 1);
  ASSERT_FALSE(progress_.empty());
  EXPECT_EQ(progress_.back().fraction.value, 1.0);
  const auto abilities = instance_->handle()->capabilities.text;
  ASSERT_TRUE(abilities.has_value());
  EXPECT_TRUE(abilities->embed);
  EXPECT_FALSE(abilities->chat);
  EXPECT_EQ(abilities->dimension, 64);
  EXPECT_EQ(abilities->context_length, 512);

  const auto both = Embed({.inputs = {"the cat", "a dog"}});
  ASSERT_TRUE(both.has_value()) << both.error().Text();
  ASSERT_THAT(both->embeddings, SizeIs(2));
  EXPECT_THAT(both->embeddings[0], SizeIs(64));
  EXPECT_NEAR(Length(both->embeddings[0]), 1, 1e-5);
  EXPECT_GT(both->tokens, 6);
  const auto turned = Embed({.inputs = {"a dog", "the cat"}});
  EXPECT_LT(Distance(both->embeddings[0], turned->embeddings[1]), 1e-5);
  EXPECT_GT(Distance(both->embeddings[0], turned->embeddings[0]), 0.01);
  const auto raw = Embed({.inputs = {"the cat"}, .normalize = false});
  EXPECT_GT(std::abs(Length(raw->embeddings[0]) - 1), 0.01);
  EXPECT_TRUE(Embed({})->embeddings.empty());
  EXPECT_EQ(On(requests_, switchboard_.Sparse(instance_->handle(), {.inputs = {"x"}})).error().code, Code::kUnsupported);
}

TEST_F(LlamaServer, TextsThatAreTooLong) {
  ASSERT_TRUE(Start("tiny_bert/tiny-bert.gguf", ModelType::kEmbedding).has_value());
  std::string text;
  for (int i = 0; i < 600; ++i) text += "x ";
  const auto refused = Embed({.inputs = {"short", text}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().name, "input_too_long");
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_EQ(refused.error().field, "inputs[1]");
  EXPECT_THAT(refused.error().message, HasSubstr("602 tokens, and the model takes 512"));
  const auto cut = Embed({.inputs = {"short", text}, .truncate = true});
  ASSERT_TRUE(cut.has_value()) << cut.error().Text();
  // What was cut is what a text of just the right length is: beginning, 510 words, end.
  const auto right = Embed({.inputs = {text.substr(0, 2 * 510)}});
  ASSERT_TRUE(right.has_value());
  EXPECT_LT(Distance(cut->embeddings[1], right->embeddings[0]), 1e-4);
  EXPECT_LT(Distance(cut->embeddings[0], Embed({.inputs = {"short"}})->embeddings[0]), 1e-4);
}

TEST_F(LlamaServer, ScoresInTheOrderOfTheDocuments) {
  ASSERT_TRUE(Start("tiny_rerank/tiny-rerank.gguf", ModelType::kReranker).has_value());
  EXPECT_TRUE(instance_->handle()->capabilities.text->rerank);
  const std::vector<std::string> documents = {"paris is the capital of france", "a dog", "the cat", "zebra"};
  const auto scores = Rerank({.query = "capital of france", .documents = documents});
  ASSERT_TRUE(scores.has_value()) << scores.error().Text();
  ASSERT_THAT(scores->scores, SizeIs(4));
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto alone = Rerank({.query = "capital of france", .documents = {documents[i]}});
    EXPECT_NEAR(scores->scores[i], alone->scores[0], 1e-4) << documents[i];
  }
  std::string text;
  for (int i = 0; i < 700; ++i) text += "x ";
  const auto refused = Rerank({.query = "what", .documents = {"short", text}});
  EXPECT_EQ(refused.error().name, "input_too_long");
  EXPECT_EQ(refused.error().field, "documents[1]");
  const auto cut = Rerank({.query = "what", .documents = {"short", text}, .truncate = true});
  ASSERT_TRUE(cut.has_value()) << cut.error().Text();
  EXPECT_NEAR(cut->scores[0], Rerank({.query = "what", .documents = {"short"}})->scores[0], 1e-4);
  EXPECT_TRUE(std::isfinite(cut->scores[1]));
  const auto hopeless = Rerank({.query = text, .documents = {"short"}, .truncate = true});
  EXPECT_EQ(hopeless.error().field, "query");
}

TEST_F(LlamaServer, EndsInGoodOrder) {
  ASSERT_TRUE(Start("tiny_llama/tiny-llama.gguf", ModelType::kLlm).has_value());
  EXPECT_TRUE(instance_->handle()->capabilities.text->chat);
  EXPECT_FALSE(instance_->handle()->capabilities.text->vision);
  const auto freed = On(control_, StopIt());
  EXPECT_GT(freed.memory_before_mb, 1);
  EXPECT_FALSE(instance_->dossier().has_value());
  EXPECT_EQ(crashes_, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));  // its socket is gone
}

TEST_F(LlamaServer, SeesWithAProjector) {
  ASSERT_TRUE(Start("tiny_clip", ModelType::kLlm).has_value());
  EXPECT_TRUE(instance_->handle()->capabilities.text->vision);
}

TEST_F(LlamaServer, ALoadThatIsRefusedIsNoCrash) {
  const auto refused = Start("tiny_llama/tiny-llama.gguf", ModelType::kLlm, R"({"lora":["none.gguf"]})");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().name, "load_failed");
  EXPECT_THAT(refused.error().message, HasSubstr("cannot be loaded"));
  EXPECT_FALSE(instance_->dossier().has_value());
}

}  // namespace
}  // namespace hostler::engines
#endif
