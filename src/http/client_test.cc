#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <thread>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/use_future.hpp>

#include "async/one_shot.h"
#include "http/testing/raw_client.h"
#include "http/testing/scripted_peer.h"

namespace hostler::http {
namespace {

namespace asio = boost::asio;
using testing::Event;
using ::testing::HasSubstr;
using testing::Scripted;
using testing::TestServer;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : client_(std::make_unique<Client>(loop_.executor())) { loop_.Start(); }
  ~ClientTest() override {
    loop_.Stop();
    loop_.Join();
    client_.reset();
  }

  Result<Response> Fetch(const Endpoint& endpoint, Request request = {}, std::uint64_t limit = 1 << 20) {
    return asio::co_spawn(loop_.executor(), client_->Fetch(endpoint, std::move(request), limit), asio::use_future).get();
  }
  static Endpoint At(const TestServer& server) { return Endpoint{{}, "127.0.0.1", server.port()}; }

  Loop loop_{"client"};
  std::unique_ptr<Client> client_;
};

Task<> Echo(Exchange& exchange) {
  auto body = co_await exchange.ReadBody(1 << 20);
  std::string text = std::string(MethodName(exchange.method())) + " " + exchange.target() + " " + body.value_or("?") + " " +
                     std::string(exchange.headers().Get("Host"));
  Response response = TextResponse(std::move(text));
  co_await exchange.Send(std::move(response));
}

Request Post(std::string target, std::string body) {
  Request request;
  request.method = Method::kPost;
  request.target = std::move(target);
  request.body = std::move(body);
  return request;
}

TEST_F(ClientTest, FetchesAndReusesTheConnection) {
  TestServer server(Echo);
  for (int i = 0; i < 5; ++i) {
    auto response = Fetch(At(server), Post("/a?b=c", "body"));
    ASSERT_TRUE(response) << response.error().Text();
    EXPECT_EQ(response->status, 200U);
    EXPECT_EQ(response->body, "POST /a?b=c body 127.0.0.1:" + std::to_string(server.port()));
  }
  EXPECT_EQ(server.server().connections(), 1U);
}

TEST_F(ClientTest, HeadHasNoBody) {
  TestServer server(Echo);
  Request request;
  request.method = Method::kHead;
  for (int i = 0; i < 2; ++i) {
    auto response = Fetch(At(server), request);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, "");
    EXPECT_NE(response->headers.Get("Content-Length"), "0");
  }
  EXPECT_EQ(server.server().connections(), 1U);
}

TEST_F(ClientTest, WhatWasForgottenWhileInUseIsNotKept) {
  Event forgotten;
  Event closed;
  Scripted peer({[&](int fd) {
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
    EXPECT_TRUE(forgotten.Wait());
    Scripted::Say(fd, "b");
    char c = 0;
    if (::recv(fd, &c, 1, 0) == 0) closed.Set();  // before the client itself ends
  }});
  struct Read {
    static Task<Result<std::string>> All(Client& client, Endpoint endpoint, Event& forgotten) {
      HOSTLER_CO_TRY(const auto reply, co_await client.Open(endpoint, Request()));
      client.Forget(endpoint);
      forgotten.Set();
      co_return co_await reply->ReadAll(10);
    }
  };
  const auto body = asio::co_spawn(loop_.executor(), Read::All(*client_, peer.endpoint(), forgotten), asio::use_future).get();
  EXPECT_EQ(body.value_or("?"), "ab");
  EXPECT_TRUE(closed.Wait());
}

TEST_F(ClientTest, AnAnswerBeforeTheRequestWasReadIsHeard) {
  Event heard;
  Scripted peer({[&](int fd) {
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    EXPECT_TRUE(heard.Wait());  // and never reads on
  }});
  const auto response = Fetch(peer.endpoint(), Post("/", std::string(64 << 20, 'x')));
  heard.Set();
  ASSERT_TRUE(response) << response.error().Text();
  EXPECT_EQ(response->status, 413U);
  EXPECT_EQ(response->body, "no");
}

TEST_F(ClientTest, NamesAreResolved) {
  TestServer server(Echo);
  Endpoint endpoint = At(server);
  endpoint.host = "localhost";
  EXPECT_TRUE(Fetch(endpoint));
}

TEST_F(ClientTest, UnixSockets) {
  char folder[] = "/tmp/http_test.XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  Endpoint endpoint;
  endpoint.unix_path = std::string(folder) + "/s";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, endpoint.unix_path.c_str());
  std::string peer;
  {
    TestServer server([&](Exchange& exchange) -> Task<> {
      peer = exchange.peer();
      co_await Echo(exchange);
    });
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd, 16), 0);
    ASSERT_TRUE(server.server().ListenOn(fd));
    for (int i = 0; i < 2; ++i) {
      auto response = Fetch(endpoint, Post("/u", "x"));
      ASSERT_TRUE(response) << response.error().Text();
      EXPECT_EQ(response->body, "POST /u x localhost");
    }
    EXPECT_EQ(server.server().connections(), 1U);
  }
  EXPECT_EQ(peer, "unix");
  ::unlink(endpoint.unix_path.c_str());
  EXPECT_EQ(Fetch(endpoint).error().code, Code::kUnavailable);
  ::rmdir(folder);
}

TEST_F(ClientTest, AFullUnixBacklogIsWaitedForAndThenATimeout) {
  char folder[] = "/tmp/http_test.XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  Endpoint endpoint;
  endpoint.unix_path = std::string(folder) + "/s";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, endpoint.unix_path.c_str());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  const int first = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(first, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);  // the queue is full now
  Request impatient;
  impatient.connect_deadline = std::chrono::milliseconds(1);
  EXPECT_EQ(Fetch(endpoint, impatient).error().code, Code::kTimeout);

  auto waiting = asio::co_spawn(loop_.executor(), client_->Fetch(endpoint, {}), asio::use_future);
  std::jthread server([&] {
    ::close(::accept(listener, nullptr, nullptr));
    const int fd = ::accept(listener, nullptr, nullptr);
    if (Scripted::ReadHead(fd)) Scripted::Say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
    ::close(fd);
  });
  auto response = waiting.get();
  ASSERT_TRUE(response) << response.error().Text();
  EXPECT_EQ(response->status, 204U);
  server.join();
  ::close(first);
  ::close(listener);
  ::unlink(endpoint.unix_path.c_str());
  ::rmdir(folder);
}

TEST_F(ClientTest, NobodyThereIsUnavailable) {
  Endpoint endpoint{{}, "127.0.0.1", 1};
  EXPECT_EQ(Fetch(endpoint).error().code, Code::kUnavailable);
}

TEST_F(ClientTest, AStalePooledConnectionIsReplacedOnce) {
  // Answers, then takes the next request on the same connection and dies: only a new connection can answer it.
  const auto once_then_die = [](int fd) {
    if (!Scripted::ReadHead(fd)) return;
    Scripted::Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    Scripted::ReadHead(fd);
  };
  Scripted peer({once_then_die, Scripted::Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2")});
  EXPECT_EQ(Fetch(peer.endpoint()).value().body, "1");
  EXPECT_EQ(Fetch(peer.endpoint()).value().body, "2");
  EXPECT_EQ(peer.connections, 2);
}

TEST_F(ClientTest, NoSecondTryOnceAByteOfTheAnswerCame) {
  const auto half = [](int fd) {
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HT");
  };
  Scripted peer({half});
  EXPECT_TRUE(Fetch(peer.endpoint()));
  EXPECT_EQ(Fetch(peer.endpoint()).error().code, Code::kUpstream);
}

TEST_F(ClientTest, ForgetDropsPooledConnections) {
  TestServer server(Echo);
  const Endpoint endpoint = At(server);
  ASSERT_TRUE(Fetch(endpoint));
  std::promise<void> forgotten;
  loop_.Post([&] {
    client_->Forget(endpoint);
    forgotten.set_value();
  });
  forgotten.get_future().wait();
  while (server.server().connections() != 0) std::this_thread::yield();
}

struct BadAnswer {
  const char* what;
  const char* answer;
};

class BadAnswerTest : public ClientTest, public ::testing::WithParamInterface<BadAnswer> {};

TEST_P(BadAnswerTest, IsUpstream) {
  Scripted peer({Scripted::Answer(GetParam().answer)});
  auto response = Fetch(peer.endpoint());
  ASSERT_FALSE(response) << GetParam().what << ": " << response->body;
  EXPECT_EQ(response.error().code, Code::kUpstream);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, BadAnswerTest,
    ::testing::Values(BadAnswer{"nothing", ""}, BadAnswer{"half a head", "HTTP/1.1 200 OK\r\nContent-"},
                      BadAnswer{"truncated by length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
                      BadAnswer{"truncated chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"},
                      BadAnswer{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
                      BadAnswer{"broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
                      BadAnswer{"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n"},
                      BadAnswer{"two framings",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
                      BadAnswer{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
                      BadAnswer{"upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}));

TEST_F(ClientTest, EndlessHeadsAreRefused) {
  Scripted peer({[](int fd) {
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n");
  }});
  EXPECT_EQ(Fetch(peer.endpoint()).error().code, Code::kUpstream);
}

TEST_F(ClientTest, BodiesOfEveryFraming) {
  Scripted peer(
      {Scripted::Answer(
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end"),
       Scripted::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: t\r\n\r\n"),
       Scripted::Answer("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
       Scripted::Answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n")});
  EXPECT_EQ(Fetch(peer.endpoint()).value().body, "until the end");
  EXPECT_EQ(Fetch(peer.endpoint()).value().body, "abcde");
  EXPECT_EQ(Fetch(peer.endpoint()).value().body, "abc");
  EXPECT_EQ(Fetch(peer.endpoint()).value().body, "");
}

TEST_F(ClientTest, TheLimitOfReadAllHolds) {
  TestServer server(Echo);
  EXPECT_EQ(Fetch(At(server), Post("/", std::string(1000, 'x')), 100).error().code, Code::kTooLarge);
}

TEST_F(ClientTest, BadRequestsAreNotSent) {
  TestServer server(Echo);
  EXPECT_EQ(Fetch(At(server), Post("/a b", "")).error().code, Code::kInvalid);
  Request request;
  request.headers.Add("X", "a\r\nY: b");
  EXPECT_EQ(Fetch(At(server), request).error().code, Code::kInvalid);
  EXPECT_EQ(server.server().connections(), 0U);
}

TEST_F(ClientTest, Deadlines) {
  Event release;
  Scripted peer({[&](int fd) {
                   Scripted::ReadHead(fd);
                   release.Wait();
                 },
                 [&](int fd) {
                   Scripted::ReadHead(fd);
                   Scripted::Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
                   char c = 0;
                   EXPECT_LE(::recv(fd, &c, 1, 0), 0);  // the client gives up and closes
                 }});
  Request request;
  request.first_byte_deadline = std::chrono::milliseconds(1);
  EXPECT_EQ(Fetch(peer.endpoint(), request).error().code, Code::kTimeout);
  release.Set();
  request.first_byte_deadline = std::chrono::minutes(1);
  request.idle_deadline = std::chrono::milliseconds(1);
  EXPECT_EQ(Fetch(peer.endpoint(), request).error().code, Code::kTimeout);
}

// --- streaming and cancelling ---

Task<std::string> ReadPieces(Client& client, const Endpoint& endpoint, std::function<void()> on_piece) {
  Request request;
  auto reply = co_await client.Open(endpoint, std::move(request));
  if (!reply) co_return reply.error().Text();
  std::string text;
  for (;;) {
    auto piece = co_await (*reply)->ReadSome();
    if (!piece) co_return piece.error().Text();
    if (piece->empty()) co_return text;
    text += std::string(*piece) + "|";
    on_piece();
  }
}

TEST_F(ClientTest, PiecesComeAsSoonAsTheyAreThere) {
  Event first, second;
  Scripted peer({[&](int fd) {
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\none");  // a part of a chunk of 100 bytes
    EXPECT_TRUE(first.Wait());
    Scripted::Say(fd, "two");
    EXPECT_TRUE(second.Wait());
    Scripted::Say(fd, std::string(94, 'x') + "\r\n0\r\n\r\n");
  }});
  int pieces = 0;
  const auto on_piece = [&] { (++pieces == 1 ? first : second).Set(); };
  const std::string text =
      asio::co_spawn(loop_.executor(), ReadPieces(*client_, peer.endpoint(), on_piece), asio::use_future).get();
  EXPECT_EQ(text, "one|two|" + std::string(94, 'x') + "|");
}

// A server whose handler waits for ever tells when its client has gone.
struct Hanging {
  Event entered, gone;
  Task<> Handle(Exchange& exchange) {
    struct AtEnd {
      Event& event;
      ~AtEnd() { event.Set(); }
    } at_end{gone};
    if (exchange.path() == "/stream") {
      co_await exchange.Start(200, {});
      co_await exchange.Write("begun");
    }
    OneShot<int> never(exchange.executor());
    const auto promise = never.promise();
    entered.Set();
    co_await never.Wait();
  }
};

Task<> OpenAndRead(Client& client, const Endpoint& endpoint, std::string target) {
  Request request;
  request.target = std::move(target);
  auto reply = co_await client.Open(endpoint, std::move(request));
  while (reply) {
    auto piece = co_await (*reply)->ReadSome();
    if (!piece || piece->empty()) break;
  }
}

TEST_F(ClientTest, CancellingTheWaiterClosesTheConnection) {
  for (const char* target : {"/wait", "/stream"}) {
    Hanging hanging;
    TestServer server([&](Exchange& exchange) { return hanging.Handle(exchange); });
    const Endpoint endpoint = At(server);
    asio::cancellation_signal signal;
    std::promise<bool> thrown;
    loop_.Post([&] {
      asio::co_spawn(
          loop_.executor(), OpenAndRead(*client_, endpoint, target),
          asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& e) { thrown.set_value(e != nullptr); }));
    });
    ASSERT_TRUE(hanging.entered.Wait());
    loop_.Post([&] { signal.emit(asio::cancellation_type::terminal); });
    EXPECT_TRUE(thrown.get_future().get());
    EXPECT_TRUE(hanging.gone.Wait()) << target;
  }
}

TEST_F(ClientTest, DroppingAReplyClosesTheConnection) {
  Hanging hanging;
  TestServer server([&](Exchange& exchange) { return hanging.Handle(exchange); });
  const Endpoint endpoint = At(server);
  Request request;
  request.target = "/stream";
  auto reply = asio::co_spawn(loop_.executor(), client_->Open(endpoint, std::move(request)), asio::use_future).get();
  ASSERT_TRUE(reply);
  ASSERT_TRUE(hanging.entered.Wait());
  std::promise<void> dropped;
  loop_.Post([&] {
    reply->reset();
    dropped.set_value();
  });
  dropped.get_future().wait();
  EXPECT_TRUE(hanging.gone.Wait());
}

// Hang-ups travel through a server that waits for another one.
Task<> Forward(Exchange& exchange, Client& client, const Endpoint& engine) {
  Request request;
  request.target = "/stream";
  auto reply = co_await client.Open(engine, std::move(request));
  if (!reply) co_return;
  co_await exchange.Start((*reply)->status(), {});
  for (;;) {
    auto piece = co_await (*reply)->ReadSome();
    if (!piece || piece->empty()) break;
    co_await exchange.Write(*piece);
  }
}

TEST_F(ClientTest, AHangUpTravelsToTheEngine) {
  Hanging hanging;
  TestServer engine([&](Exchange& exchange) { return hanging.Handle(exchange); });
  const Endpoint endpoint = At(engine);
  std::unique_ptr<Client> client;
  TestServer front([&](Exchange& exchange) { return Forward(exchange, *client, endpoint); }, {}, 1);
  client = std::make_unique<Client>(front.loop().executor());
  testing::RawClient person(front.port());
  person.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  person.Until("begun");
  person.Close();
  EXPECT_TRUE(hanging.gone.Wait());
  std::promise<void> dropped;
  front.loop().Post([&] {
    client.reset();
    dropped.set_value();
  });
  dropped.get_future().wait();
}

TEST(EndpointTest, ParseAndText) {
  for (const char* text : {"http://127.0.0.1:8100", "http://[::1]:80", "unix:/run/x.sock"}) {
    EXPECT_EQ(Endpoint::Parse(text).value().Text(), text);
  }
  EXPECT_EQ(Endpoint::Parse("http://host").value().port, 80);
  EXPECT_EQ(Endpoint::Parse("http://host:81/").value().port, 81);
  for (const char* bad : {"", "host:80", "http://", "http://:80", "http://h:0", "http://h:x", "http://h:65536", "http://h:80x",
                          "https://h", "http://h/p", "http://a@h", "unix:relative", "http://[::1", "http://[::1]x"}) {
    EXPECT_FALSE(Endpoint::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace hostler::http
