// Streamed answers, clients that leave, handlers that fail, and the end of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <thread>

#include "async/one_shot.h"
#include "http/server.h"
#include "http/testing/raw_client.h"

namespace hostler::http {
namespace {

using ::testing::ElementsAre;
using testing::Event;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RawClient;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::TestServer;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

Task<> Stream(Exchange& exchange) {
  Headers headers{{"Content-Type", "text/plain"}};
  co_await exchange.Start(200, std::move(headers));
  co_await exchange.Write("one");
  co_await exchange.Write("");
  co_await exchange.Write("seventeen letters");
  co_await exchange.Finish();
}

TEST(ServerStreamTest, ChunksAreWholeAndTheConnectionGoesOn) {
  TestServer server(Stream);
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    client.Send(kGet);
    EXPECT_THAT(client.Until("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
    EXPECT_EQ(client.Until("0\r\n\r\n"), "3\r\none\r\n11\r\nseventeen letters\r\n0\r\n\r\n");
  }
}

TEST(ServerStreamTest, Http10GetsTheBodyUpToTheClose) {
  TestServer server(Stream);
  RawClient client(server.port());
  client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.All();
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_THAT(all, ::testing::EndsWith("\r\n\r\noneseventeen letters"));
}

TEST(ServerStreamTest, HeadOfAStreamHasNoBody) {
  TestServer server(Stream);
  RawClient client(server.port());
  client.Send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.Until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.Until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

Task<> Sized(Exchange& exchange) {
  co_await exchange.Start(200, {}, 6);
  co_await exchange.Write("abc");
  if (exchange.path() == "/short") {
    co_await exchange.Finish();
    co_return;
  }
  co_await exchange.Write(exchange.path() == "/long" ? "defg" : "def");
  co_await exchange.Finish();
}

TEST(ServerStreamTest, DeclaredLengthsAreKept) {
  TestServer server(Sized);
  RawClient client(server.port());
  client.Send(kGet);
  const auto answer = client.Read();
  EXPECT_EQ(answer.body, "abcdef");
  EXPECT_THAT(answer.head, HasSubstr("Content-Length: 6"));
  EXPECT_THAT(server.bugs(), IsEmpty());
}

TEST(ServerStreamTest, BrokenPromisesAreCutAndTold) {
  TestServer server(Sized);
  for (const char* path : {"/short", "/long"}) {
    RawClient client(server.port());
    client.Send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.All(), Not(HasSubstr("def")));
    EXPECT_EQ(client.last_errno(), ECONNRESET);
  }
  EXPECT_THAT(server.bugs(), SizeIs(2));
}

TEST(ServerStreamTest, BothDirectionsAtOnce) {
  const auto relay = [](Exchange& exchange) -> Task<> {
    co_await exchange.Start(200, {});
    for (;;) {
      auto piece = co_await exchange.ReadSome();
      if (!piece || piece->empty()) break;
      co_await exchange.Write(*piece);
    }
    co_await exchange.Finish();
  };
  TestServer server(relay);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    client.Send("4\r\nping\r\n");
    EXPECT_THAT(client.Until("ping\r\n"), ::testing::EndsWith("4\r\nping\r\n"));
  }
  client.Send("0\r\n\r\n");
  EXPECT_EQ(client.Until("0\r\n\r\n"), "0\r\n\r\n");
}

TEST(ServerStreamTest, WriteWaitsForTheClient) {
  std::atomic<std::size_t> written{0};
  Event finished;
  constexpr std::size_t kPieces = 1024;
  const std::string piece(64 << 10, 'x');
  const auto flood = [&](Exchange& exchange) -> Task<> {
    co_await exchange.Start(200, {}, kPieces * piece.size());
    for (std::size_t i = 0; i < kPieces; ++i, ++written) co_await exchange.Write(piece);
    co_await exchange.Finish();
    finished.Set();
  };
  TestServer server(flood, {}, 1);
  RawClient client(server.port());
  client.Send(kGet);
  client.Until("\r\n\r\n");
  // Another request on the same loop is answered, so the loop is not stuck; and 64 MiB do not fit into any socket.
  std::promise<void> alive;
  server.loop().Post([&] { alive.set_value(); });
  alive.get_future().wait();
  EXPECT_LT(written.load(), kPieces);
  EXPECT_FALSE(finished.is_set());
  EXPECT_EQ(client.Bytes(kPieces * piece.size()).size(), kPieces * piece.size());
  EXPECT_TRUE(finished.Wait());
}

// Waits for ever on something else than the socket, as for an engine.
struct Waiting {
  Event entered, unwound, stopped;
  Task<> Handle(Exchange& exchange) {
    std::stop_callback on_stop(exchange.stop_token(), [this] { stopped.Set(); });
    struct AtEnd {
      Event& event;
      ~AtEnd() { event.Set(); }
    } at_end{unwound};
    OneShot<int> never(exchange.executor());
    const auto promise = never.promise();
    entered.Set();
    co_await never.Wait();
  }
};

TEST(ServerHangUpTest, CancelsTheWaitAndRequestsStop) {
  Waiting waiting;
  TestServer server([&](Exchange& exchange) { return waiting.Handle(exchange); });
  RawClient client(server.port());
  client.Send(kGet);
  ASSERT_TRUE(waiting.entered.Wait());
  client.Close();
  EXPECT_TRUE(waiting.unwound.Wait());
  EXPECT_TRUE(waiting.stopped.Wait());
  EXPECT_THAT(server.bugs(), IsEmpty());
}

TEST(ServerHangUpTest, IsSeenBehindPipelinedBytes) {
  Waiting waiting;
  TestServer server([&](Exchange& exchange) { return waiting.Handle(exchange); });
  RawClient client(server.port());
  client.Send(kGet);
  client.Send(kGet);
  ASSERT_TRUE(waiting.entered.Wait());
  client.Send(kGet);
  client.Close();
  EXPECT_TRUE(waiting.unwound.Wait());
  EXPECT_TRUE(waiting.stopped.Wait());
}

TEST(ServerHangUpTest, AStreamingHandlerLearnsItWhenItWrites) {
  Event unwound;
  const auto endless = [&](Exchange& exchange) -> Task<> {
    struct AtEnd {
      Event& event;
      ~AtEnd() { event.Set(); }
    } at_end{unwound};
    co_await exchange.Start(200, {});
    const std::string piece(1000, 'x');
    for (;;) {
      co_await exchange.Write(piece);
      co_await boost::asio::post(exchange.executor(), kAsTuple);
    }
  };
  TestServer server(endless);
  RawClient client(server.port());
  client.Send(kGet);
  client.Until("xxx");
  client.Close();
  EXPECT_TRUE(unwound.Wait());
  EXPECT_THAT(server.bugs(), IsEmpty());
}

Task<> SendText(Exchange& exchange, const std::string& text) {
  Response response = TextResponse(text);
  co_await exchange.Send(std::move(response));
}

TEST(ServerHangUpTest, AClientThatTakesNothingIsCutAtTheIoDeadline) {
  ServerOptions options;
  options.io_deadline = std::chrono::milliseconds(1);
  Event unwound;
  const auto flood = [&](Exchange& exchange) -> Task<> {
    struct AtEnd {
      Event& event;
      ~AtEnd() { event.Set(); }
    } at_end{unwound};
    co_await exchange.Start(200, {});
    const std::string piece(1 << 20, 'x');
    for (;;) co_await exchange.Write(piece);
  };
  TestServer server(flood, options);
  RawClient client(server.port());
  client.Send(kGet);
  EXPECT_TRUE(unwound.Wait());
}

// The socket takes more only when megabytes of its buffer are free; somebody who listens at its own speed needs long for that.
TEST(ServerHangUpTest, AClientThatTakesAnAnswerSlowlyGetsAllOfIt) {
  ServerOptions options;
  options.io_deadline = std::chrono::seconds(2);
  options.slowest = 1;
  const std::string answer(20 << 20, 'x');
  TestServer server([&answer](Exchange& exchange) { return SendText(exchange, answer); }, options);
  RawClient client(server.port());
  client.Send(kGet);
  const std::string head = client.Until("\r\n\r\n");
  std::size_t got = 0;
  for (int i = 0; i < 40; ++i) {
    got += client.Bytes(32 << 10).size();
    RawClient::Dawdle(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(got + client.Bytes(answer.size() - got).size(), answer.size());
}

TEST(ServerBugTest, NoAnswerIs500AndTold) {
  TestServer server([](Exchange&) -> Task<> { co_return; });
  RawClient client(server.port());
  client.Send(kGet);
  const auto answer = client.Read();
  EXPECT_EQ(answer.status, 500U);
  EXPECT_THAT(answer.body, HasSubstr("\"internal\""));
  EXPECT_THAT(server.bugs(), ElementsAre(HasSubstr("without an answer")));
}

TEST(ServerBugTest, ExceptionsAre500OrACut) {
  const auto fail = [](Exchange& exchange) -> Task<> {
    if (exchange.path() == "/late") {
      co_await exchange.Start(200, {});
      co_await exchange.Write("half");
    }
    throw std::runtime_error("boom");
  };
  TestServer server(fail);
  RawClient client(server.port());
  client.Send(kGet);
  EXPECT_EQ(client.Read().status, 500U);
  RawClient late(server.port());
  late.Send("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(late.All(), Not(HasSubstr("0\r\n\r\n")));
  EXPECT_EQ(late.last_errno(), ECONNRESET);
  EXPECT_THAT(server.bugs(), ElementsAre(HasSubstr("boom"), HasSubstr("boom")));
}

TEST(ServerBugTest, ForbiddenHeaderValuesAreLeftOut) {
  const auto inject = [](Exchange& exchange) -> Task<> {
    Response response = TextResponse("ok");
    response.headers.Add("X-Bad", "a\r\nSet-Cookie: evil");
    co_await exchange.Send(std::move(response));
  };
  TestServer server(inject);
  RawClient client(server.port());
  client.Send(kGet);
  const auto answer = client.Read();
  EXPECT_EQ(answer.body, "ok");
  EXPECT_THAT(answer.head, Not(HasSubstr("evil")));
  EXPECT_THAT(server.bugs(), SizeIs(1));
}

TEST(ServerBugTest, AbortShowsThatTheAnswerIsNotWhole) {
  const auto abort = [](Exchange& exchange) -> Task<> {
    co_await exchange.Start(200, {});
    co_await exchange.Write("half");
    exchange.Abort();
  };
  TestServer server(abort);
  RawClient client(server.port());
  client.Send("GET / HTTP/1.0\r\n\r\n");  // where the end of the body is the end of the connection
  client.All();
  EXPECT_EQ(client.last_errno(), ECONNRESET);
}

// --- the end ---

TEST(ServerDrainTest, RunningStreamsFinishAndDoneIsCalledOnce) {
  std::optional<OneShot<int>::Promise> go;
  Event entered, done;
  std::atomic<int> dones{0};
  const auto gated = [&](Exchange& exchange) -> Task<> {
    OneShot<int> gate(exchange.executor());
    go = gate.promise();
    co_await exchange.Start(200, {});
    co_await exchange.Write("first");
    entered.Set();
    co_await gate.Wait();
    co_await exchange.Write("last");
    co_await exchange.Finish();
  };
  TestServer server(gated);
  RawClient idle(server.port()), busy(server.port());
  busy.Send(kGet);
  ASSERT_TRUE(entered.Wait());
  server.server().Drain(std::chrono::hours(1), [&] {
    ++dones;
    done.Set();
  });
  EXPECT_TRUE(idle.AtEnd());  // idle ones end at once
  EXPECT_FALSE(done.is_set());
  go->Set(1);
  EXPECT_THAT(busy.All(), HasSubstr("last\r\n0\r\n\r\n"));
  busy.Close();
  ASSERT_TRUE(done.Wait());
  EXPECT_EQ(server.server().connections(), 0U);
  go.reset();  // it belongs to a loop that ends here
  server.Stop();
  EXPECT_EQ(dones, 1);
}

TEST(ServerDrainTest, TheLimitCutsWhatGoesOn) {
  Waiting waiting;
  Event done;
  TestServer server([&](Exchange& exchange) { return waiting.Handle(exchange); });
  RawClient client(server.port());
  client.Send(kGet);
  ASSERT_TRUE(waiting.entered.Wait());
  server.server().Drain(Clock::duration::zero(), [&] { done.Set(); });
  ASSERT_TRUE(done.Wait());
  EXPECT_TRUE(waiting.unwound.is_set());
  EXPECT_TRUE(waiting.stopped.is_set());
}

TEST(ServerDrainTest, NewConnectionsAreRefused) {
  TestServer server(Stream);
  Event done;
  server.server().Drain(std::chrono::hours(1), [&] { done.Set(); });
  ASSERT_TRUE(done.Wait());
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  EXPECT_FALSE(server.server().ListenTcp("127.0.0.1", 0));
}

TEST(ServerEndTest, StoppedLoopsWithRunningRequestsUnwindSafely) {
  Waiting waiting;
  auto server = std::make_unique<TestServer>([&](Exchange& exchange) { return waiting.Handle(exchange); });
  RawClient busy(server->port()), idle(server->port()), half(server->port());
  busy.Send(kGet);
  half.Send("GET / HT");
  ASSERT_TRUE(waiting.entered.Wait());
  server.reset();  // loops stop, the server goes, then the loops go and take the frames along
  EXPECT_TRUE(waiting.unwound.is_set());
}

TEST(ServerEndTest, EndsInTheMiddleOfALoad) {
  for (int round = 0; round < 5; ++round) {
    auto server = std::make_unique<TestServer>(Stream);
    const std::uint16_t port = server->port();
    Event some;
    std::array<RawClient, 4> clients;
    for (RawClient& client : clients) client.Connect(port);  // before any of them can make the server go
    std::vector<std::jthread> threads;
    for (RawClient& client : clients) {
      threads.emplace_back([&client, &some] {
        while (client.Send(kGet) && !client.Until("0\r\n\r\n").empty()) some.Set();
      });
    }
    ASSERT_TRUE(some.Wait());
    server.reset();
  }
}

TEST(ServerLoadTest, ManyConnectionsManyRequests) {
  const auto hello = [](Exchange& exchange) -> Task<> {
    auto body = co_await exchange.ReadBody(100);
    Response response = TextResponse(exchange.path() + body.value_or("?"));
    co_await exchange.Send(std::move(response));
  };
  TestServer server(hello);
  std::atomic<int> right{0};
  std::vector<std::jthread> threads;
  constexpr int kThreads = 8, kConnections = 8, kRequests = 200;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int i = 0; i < kConnections; ++i) clients.push_back(std::make_unique<RawClient>(server.port()));
      for (int r = 0; r < kRequests; ++r) {
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(r);
        for (auto& client : clients) client->Send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        for (auto& client : clients) right += client->Read().body == path + "hi" ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, kThreads * kConnections * kRequests);
}

}  // namespace
}  // namespace hostler::http
