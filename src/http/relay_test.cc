// What passes through, as a peer with a plain socket sees it on either side.
#include "http/relay.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/testing/raw_client.h"
#include "http/testing/scripted_peer.h"

namespace hostler::http {
namespace {

using ::testing::EndsWith;
using testing::Event;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using testing::Scripted;
using ::testing::StartsWith;
using testing::TestServer;

// A server that passes everything on to one endpoint, or answers 502 with the reason.
class Front {
 public:
  explicit Front(Endpoint to)
      : to_(std::move(to)),
        server_([this](Exchange& exchange) { return Pass(*this, exchange); }, {}, 1),
        client_(std::make_unique<Client>(server_.loop().executor())) {}
  ~Front() {
    server_.loop().Stop();
    server_.loop().Join();
    client_.reset();  // its sockets belong to the loop, which goes with the server
  }
  std::uint16_t port() const { return server_.port(); }
  Event failed;

 private:
  static Task<> Pass(Front& front, Exchange& exchange) {
    const auto passed = co_await Relay(exchange, *front.client_, {front.to_, exchange.target()});
    if (passed) co_return;
    front.failed.Set();
    Response response = TextResponse(passed.error().Text(), "text/plain", 502);
    if (exchange.started())
      exchange.Abort();
    else
      co_await exchange.Send(std::move(response));
  }

  const Endpoint to_;
  TestServer server_;
  std::unique_ptr<Client> client_;
};

Endpoint At(const TestServer& server) {
  return Endpoint{{}, "127.0.0.1", server.port()};
}

// Says what it was asked: request line, fields, body.
Task<> Mirror(Exchange& exchange) {
  std::string text = std::string(MethodName(exchange.method())) + " " + exchange.target() + "\n";
  for (const auto& [name, value] : exchange.headers()) text += fmt::format("{}={}\n", name, value);
  const auto body = co_await exchange.ReadBody(16 << 20);
  text += body ? std::to_string(body->size()) + ":" + body->substr(0, 20) : "broken";
  Response response = TextResponse(std::move(text), "text/plain", 201);
  response.headers.Add("X-Kept", "yes");
  response.headers.Add("Server", "upstream");
  response.headers.Add("Access-Control-Allow-Origin", "*");
  co_await exchange.Send(std::move(response));
}

TEST(RelayTest, ASmallRequestAndItsAnswer) {
  TestServer upstream(Mirror);
  Front front(At(upstream));
  RawClient client(front.port());
  for (int i = 0; i < 2; ++i) {
    client.Send(
        "POST /a%20b?c=d HTTP/1.1\r\nHost: front\r\nX-Mine: 1\r\nX-Hop: 2\r\nConnection: X-Hop\r\nAuthorization: Bearer "
        "secret\r\n"
        "Cookie: a=b\r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = client.Read();
    EXPECT_EQ(answer.status, 201U);
    EXPECT_EQ(answer.body,
              "POST /a%20b?c=d\nHost=127.0.0.1:" + std::to_string(upstream.port()) + "\nX-Mine=1\nContent-Length=5\n5:hello");
    EXPECT_THAT(answer.head, HasSubstr("X-Kept: yes\r\n"));
    EXPECT_THAT(answer.head, Not(HasSubstr("Server")));
    EXPECT_THAT(answer.head, Not(HasSubstr("Access-Control")));
  }
  EXPECT_EQ(upstream.server().connections(), 1U);
}

TEST(RelayTest, LargeBodiesPassInBothForms) {
  TestServer upstream(Mirror);
  Front front(At(upstream));
  RawClient client(front.port());
  const std::string body(3 << 20, 'x');
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(client.Read().body, EndsWith("Content-Length=3145728\n3145728:" + std::string(20, 'x')));
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n300000\r\n" + body + "\r\n0\r\n\r\n");
  EXPECT_THAT(client.Read().body, EndsWith("Transfer-Encoding=chunked\n3145728:" + std::string(20, 'x')));
}

TEST(RelayTest, ABrokenUploadIsNeverCompleted) {
  Event gone;
  TestServer upstream([&gone](Exchange& exchange) -> Task<> {
    const std::stop_callback told(exchange.stop_token(), [&gone] { gone.Set(); });
    const auto body = co_await exchange.ReadBody(1 << 20);
    ADD_FAILURE() << "half a body was taken for a whole one";
  });
  Front front(At(upstream));
  RawClient client(front.port());
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + std::string(100000, 'x'));
  client.Close();
  EXPECT_TRUE(gone.Wait());
}

TEST(RelayTest, ChunksPassAsTheyAre) {
  Scripted upstream(
      {Scripted::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "2;why=not\r\nab\r\n0003\r\ncde\r\n0\r\nX-Trailer: 1\r\n\r\n")});
  Front front(upstream.endpoint());
  RawClient client(front.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.Until("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(client.Until("X-Trailer: 1\r\n\r\n"), "2;why=not\r\nab\r\n0003\r\ncde\r\n0\r\nX-Trailer: 1\r\n\r\n");
}

TEST(RelayTest, AnOldClientGetsTheContentAlone) {
  Scripted upstream({Scripted::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")});
  Front front(upstream.endpoint());
  RawClient client(front.port());
  client.Send("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
  const std::string all = client.All();
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_THAT(all, EndsWith("\r\n\r\nabcde"));
}

TEST(RelayTest, ABodyUntilTheCloseIsChunkedForTheClient) {
  Scripted upstream({Scripted::Answer("HTTP/1.1 200 OK\r\n\r\nall there is")});
  Front front(upstream.endpoint());
  RawClient client(front.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client.Until("\r\n\r\n");
  EXPECT_EQ(client.Until("0\r\n\r\n"), "c\r\nall there is\r\n0\r\n\r\n");
}

TEST(RelayTest, HeadHasNoBody) {
  TestServer upstream(Mirror);
  Front front(At(upstream));
  RawClient client(front.port());
  client.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.Read(false).status, 201U);
  EXPECT_THAT(client.Read().body, StartsWith("GET /\n"));
}

TEST(RelayTest, TheHeadOfAStreamDoesNotWaitForItsFirstPiece) {
  Event head_seen;
  Scripted upstream({[&head_seen](int fd) {
    Scripted::ReadHead(fd);
    Scripted::Say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_TRUE(head_seen.Wait());
    Scripted::Say(fd, "4\r\ndata\r\n0\r\n\r\n");
  }});
  Front front(upstream.endpoint());
  RawClient client(front.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(client.Until("\r\n\r\n"), HasSubstr("text/event-stream"));
  head_seen.Set();
  EXPECT_EQ(client.Until("0\r\n\r\n"), "4\r\ndata\r\n0\r\n\r\n");
}

TEST(RelayTest, WhatBreaksOffIsCutForTheClientToo) {
  const auto half_a_chunk = Scripted::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  const auto no_chunk = Scripted::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense");
  const auto half_a_length = Scripted::Answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  for (const auto& script : {half_a_chunk, no_chunk, half_a_length}) {
    Scripted upstream({script});
    Front front(upstream.endpoint());
    RawClient client(front.port());
    client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client.All();
    EXPECT_EQ(client.last_errno(), ECONNRESET);  // a reset, not an end
    EXPECT_TRUE(front.failed.Wait());
  }
}

TEST(RelayTest, WithoutAServerThereTheReasonIsTheAnswer) {
  Endpoint nobody;
  nobody.unix_path = "/nowhere/at/all";
  Front front(nobody);
  RawClient client(front.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto answer = client.Read();
  EXPECT_EQ(answer.status, 502U);
  EXPECT_THAT(answer.body, HasSubstr("cannot connect to /nowhere/at/all"));
}

TEST(RelayTest, AClientThatLeavesEndsTheWorkBehind) {
  Event streaming;
  Event gone;
  TestServer upstream([&](Exchange& exchange) -> Task<> {
    const std::stop_callback told(exchange.stop_token(), [&gone] { gone.Set(); });
    co_await exchange.Start(200, {});
    co_await exchange.Write("x");
    streaming.Set();
    co_await Sleep(std::chrono::hours(1));
  });
  Front front(At(upstream));
  RawClient client(front.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(streaming.Wait());
  client.Close();
  EXPECT_TRUE(gone.Wait());
}

}  // namespace
}  // namespace hostler::http
