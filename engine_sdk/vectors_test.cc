// POST /embed, /rerank, /sparse, and how requests that wait are gathered into one call.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <semaphore>

#include "engine_sdk/testing/harness.h"
#include "os/descriptor.h"

namespace hostler::engine_sdk {
namespace {

using testing::Caller;
using ::testing::ElementsAre;
using testing::Served;

// What the tests and the model tell each other.
struct Strings {
  std::mutex mutex;
  std::vector<std::vector<std::string>> calls;  // the texts of each
  std::atomic<bool> hold{false};
  std::counting_semaphore<1024> has_started{0};
  std::counting_semaphore<1024> let_go{0};
  int batch = 4;
  bool answers_too_few = false;
};

// The vector of a text is its length; "bad" is refused; "throw" throws.
class LengthModel : public Model {
 public:
  explicit LengthModel(Strings& strings) : strings_(strings) {}
  wire::Capabilities capabilities() const override {
    wire::Capabilities can;
    can.text = wire::TextAbilities{.embed = true, .rerank = true, .dimension = 1, .context_length = 10};
    return can;
  }
  int batch() const override { return strings_.batch; }

  std::vector<Result<wire::EmbedReply>> Embed(std::span<const Asked<wire::EmbedRequest>> asked) override {
    {
      const std::lock_guard lock(strings_.mutex);
      auto& texts = strings_.calls.emplace_back();
      for (const auto& each : asked) texts.insert(texts.end(), each.request.inputs.begin(), each.request.inputs.end());
    }
    strings_.has_started.release();
    if (strings_.hold) strings_.let_go.acquire();
    std::vector<Result<wire::EmbedReply>> replies;
    for (const auto& each : asked) {
      if (each.request.inputs[0] == "until I leave") AwaitStop(each.stop);
      replies.push_back(Lengths(each.request));
    }
    if (strings_.answers_too_few) replies.clear();
    return replies;
  }
  std::vector<Result<wire::RerankReply>> Rerank(std::span<const Asked<wire::RerankRequest>> asked) override {
    std::vector<Result<wire::RerankReply>> replies;
    for (const auto& each : asked)
      replies.push_back(wire::RerankReply{std::vector<double>(each.request.documents.size(), 0.5), 1});
    return replies;
  }

 private:
  static void AwaitStop(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait(lock, stop, [] { return false; });
  }
  static Result<wire::EmbedReply> Lengths(const wire::EmbedRequest& request) {
    wire::EmbedReply reply;
    for (const std::string& text : request.inputs) {
      if (text == "bad") return Fail(Error{Code::kInvalid, "a bad text", "Send a better one."}.At("inputs[0]"));
      if (text == "throw") throw std::runtime_error("native");
      reply.embeddings.push_back({static_cast<float>(text.size())});
      reply.tokens += static_cast<int>(text.size());
    }
    return reply;
  }
  Strings& strings_;
};

class LengthEngine : public Engine {
 public:
  explicit LengthEngine(Strings& strings) : strings_(strings) {}
  std::string name() const override { return "lengths"; }
  std::vector<std::string> features() const override { return {"embed", "rerank"}; }
  std::vector<std::string> BuiltInModels() const override { return {"m"}; }
  Result<std::unique_ptr<Model>> Load(const LoadContext&) override { return std::make_unique<LengthModel>(strings_); }

 private:
  Strings& strings_;
};

// A client that can hang up at any time: destroy it.
class Line {
 public:
  Line(const http::Endpoint& endpoint, const http::Request& request) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    endpoint.unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect");
    const std::string text = fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}", request.target,
                                         request.body.size(), request.body);
    if (::write(socket_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("write");
  }

 private:
  os::Descriptor socket_;
};

class VectorsTest : public ::testing::Test {
 protected:
  void Load() { ASSERT_EQ(caller.Post("/models/load", R"({"model_id":"m"})").status, 200U); }
  static http::Request Embed(std::vector<std::string> texts) {
    http::Request request;
    request.method = http::Method::kPost;
    request.target = "/embed";
    request.body = json::ToJson(wire::EmbedRequest{.inputs = std::move(texts)});
    return request;
  }
  // Sends it on a connection of its own and returns once it waits in the model's queue, or runs.
  std::future<http::Response> Sent(std::vector<std::string> texts) {
    auto answer = std::async(std::launch::async,
                             [this, request = Embed(std::move(texts))] { return Caller(served.endpoint()).Send(request); });
    AwaitAsked(++sent_);
    return answer;
  }
  void AwaitAsked(std::size_t count) {
    const auto asked = [&] {
      const auto lines = served.LogLines();
      return static_cast<std::size_t>(std::count_if(
          lines.begin(), lines.end(), [](const auto& line) { return line.find("asked of m") != std::string::npos; }));
    };
    while (asked() < count) std::this_thread::yield();
  }
  std::vector<float> Lengths(const http::Response& response) {
    std::vector<float> lengths;
    for (const auto& vector : caller.As<wire::EmbedReply>(response).embeddings) lengths.push_back(vector.at(0));
    return lengths;
  }

  Strings strings;
  Served served{std::make_unique<LengthEngine>(strings), std::nullopt};
  Caller caller{served.endpoint()};
  std::size_t sent_ = 0;
};

TEST_F(VectorsTest, AnswersInOrder) {
  Load();
  const auto reply = caller.As<wire::EmbedReply>(caller.Send(Embed({"a", "ccc", "bb"})));
  EXPECT_THAT(reply.embeddings, ElementsAre(ElementsAre(1.0F), ElementsAre(3.0F), ElementsAre(2.0F)));
  EXPECT_EQ(reply.tokens, 6);
  EXPECT_EQ(caller.As<wire::RerankReply>(caller.Post("/rerank", R"({"query":"q","documents":["a","b"]})")).scores.size(), 2U);
}

TEST_F(VectorsTest, SaysWhatIsWrong) {
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Embed({"a"}))), "not_loaded");
  Load();
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Embed({}))), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/embed", R"({"input":["a"]})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/rerank", R"({"query":"q","documents":[]})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/sparse", R"({"inputs":["a"],"top_k":0})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/sparse", R"({"inputs":["a"]})")), "unsupported");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/embed", R"({"model_id":"other","inputs":["a"]})")), "not_found");
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Embed({"throw"}))), "internal");
  EXPECT_EQ(caller.Send(Embed({"a"})).status, 200U) << "the model goes on";
  strings.answers_too_few = true;
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Embed({"a"}))), "internal");
}

TEST_F(VectorsTest, GathersWhatWaits) {
  Load();
  strings.hold = true;
  auto first = Sent({"1"});
  strings.has_started.acquire();  // alone: nobody waited for company
  std::vector<std::future<http::Response>> waiting;
  for (const std::vector<std::string>& texts :
       {std::vector<std::string>{"22"}, {"333", "4444"}, {"bad"}, {"55555", "666666", "7777777", "88888888", "9"}, {"10"}})
    waiting.push_back(Sent(texts));
  strings.hold = false;
  strings.let_go.release();
  EXPECT_THAT(Lengths(first.get()), ElementsAre(1.0F));
  EXPECT_THAT(Lengths(waiting[0].get()), ElementsAre(2.0F));
  EXPECT_THAT(Lengths(waiting[1].get()), ElementsAre(3.0F, 4.0F));
  EXPECT_EQ(Caller::ErrorCode(waiting[2].get()), "bad_request") << "its own fault only";
  EXPECT_THAT(Lengths(waiting[3].get()), ElementsAre(5.0F, 6.0F, 7.0F, 8.0F, 1.0F));
  EXPECT_THAT(Lengths(waiting[4].get()), ElementsAre(2.0F));
  // Four texts make a call full; what is larger by itself goes alone.
  EXPECT_THAT(strings.calls, ElementsAre(ElementsAre("1"), ElementsAre("22", "333", "4444", "bad"),
                                         ElementsAre("55555", "666666", "7777777", "88888888", "9"), ElementsAre("10")));
}

TEST_F(VectorsTest, OneThatLeavesHarmsNobody) {
  Load();
  strings.hold = true;
  auto first = Sent({"1"});
  strings.has_started.acquire();
  auto stays = Sent({"22"});
  auto leaver = std::make_unique<Line>(served.endpoint(), Embed({"until I leave"}));
  AwaitAsked(++sent_);
  auto too = Sent({"4444"});
  strings.hold = false;
  strings.let_go.release();
  strings.has_started.acquire();  // the three run together
  leaver.reset();
  EXPECT_EQ(first.get().status, 200U);
  EXPECT_THAT(Lengths(stays.get()), ElementsAre(2.0F));
  EXPECT_THAT(Lengths(too.get()), ElementsAre(4.0F));
  EXPECT_THAT(strings.calls, ElementsAre(ElementsAre("1"), ElementsAre("22", "until I leave", "4444")));
}

TEST_F(VectorsTest, OneThatLeavesTheQueueIsNotWorkedFor) {
  Load();
  strings.hold = true;
  auto first = Sent({"1"});
  strings.has_started.acquire();
  {
    const Line line(served.endpoint(), Embed({"22"}));
    AwaitAsked(++sent_);
  }
  served.AwaitLog("cancelled before it began");
  strings.hold = false;
  strings.let_go.release();
  EXPECT_EQ(first.get().status, 200U);
  EXPECT_EQ(caller.Send(Embed({"333"})).status, 200U);
  EXPECT_THAT(strings.calls, ElementsAre(ElementsAre("1"), ElementsAre("333")));
}

TEST_F(VectorsTest, AnExceptionEndsAllOfItsCallAndNothingElse) {
  Load();
  strings.hold = true;
  auto first = Sent({"1"});
  strings.has_started.acquire();
  auto throws = Sent({"throw"});
  auto beside = Sent({"22"});
  strings.hold = false;
  strings.let_go.release();
  EXPECT_EQ(first.get().status, 200U);
  EXPECT_EQ(Caller::ErrorCode(throws.get()), "internal");
  EXPECT_EQ(Caller::ErrorCode(beside.get()), "internal");
  EXPECT_EQ(caller.Send(Embed({"a"})).status, 200U);
}

}  // namespace
}  // namespace hostler::engine_sdk
