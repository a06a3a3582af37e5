#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <thread>

#include "http/connection.h"
#include "http/testing/raw_client.h"

namespace hostler::http {
namespace {

using ::testing::AnyOf;
using testing::Event;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RawClient;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::TestServer;

using namespace std::literals;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// Says what it got: method, path, query `q`, body.
Task<> Echo(Exchange& exchange) {
  auto body = co_await exchange.ReadBody(1 << 20);
  if (!body) {
    Response refused = TextResponse(body.error().Text(), "text/plain", body.error().code == Code::kTooLarge ? 413 : 400);
    co_await exchange.Send(std::move(refused));
    co_return;
  }
  std::string text(MethodName(exchange.method()));
  text += " " + exchange.path() + " " + exchange.query().Get("q").value_or("-") + " " + *body;
  Response response = TextResponse(std::move(text));
  co_await exchange.Send(std::move(response));
}

// The status that the body deserves.
Task<> Tell(Exchange& exchange) {
  auto body = co_await exchange.ReadBody(1 << 20);
  Response response = TextResponse("", "text/plain", body ? 200 : body.error().code == Code::kUnavailable ? 503 : 400);
  co_await exchange.Send(std::move(response));
}

Task<> Ignore(Exchange& exchange) {
  Response response = TextResponse("ignored");
  co_await exchange.Send(std::move(response));
}

// --- the smuggling corpus: every one of these is refused, and nothing behind it is taken for a request ---

struct Refused {
  const char* what;
  std::string_view request;
  unsigned status;
};

class StrictnessTest : public ::testing::TestWithParam<Refused> {};

TEST_P(StrictnessTest, IsRefusedAndTheConnectionEnds) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send(GetParam().request);
  client.Send("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string all = client.All();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 " + std::to_string(GetParam().status))) << GetParam().what;
  EXPECT_THAT(all, HasSubstr("Connection: close"));
  EXPECT_THAT(all, Not(HasSubstr("smuggled")));
}

INSTANTIATE_TEST_SUITE_P(
    Corpus, StrictnessTest,
    ::testing::Values(
        Refused{"TE and CL", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400},
        Refused{"CL and TE", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
                400},
        Refused{"TE gzip", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400},
        Refused{"TE gzip, chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"TE twice",
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"TE xchunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
        Refused{"TE identity", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 400},
        Refused{"TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Refused{"CL twice", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400},
        Refused{"same CL twice", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
        Refused{"CL list", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na", 400},
        Refused{"CL +1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", 400},
        Refused{"CL -1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na", 400},
        Refused{"CL hex", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na", 400},
        Refused{"CL overflow", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\na", 400},
        Refused{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
        Refused{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400},
        Refused{"folded", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
        Refused{"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400},
        Refused{"bare LF in a field", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
        Refused{"bare CR", "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400},
        Refused{"space before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        Refused{"space before TE's colon", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
        Refused{"space before the first field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
        Refused{"NUL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"sv, 400},
        Refused{"NUL in the path", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"sv, 400},
        Refused{"no colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400},
        Refused{"empty name", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400},
        Refused{"no version", "GET /\r\nHost: x\r\n\r\n", 400},
        Refused{"broken escape", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"escaped NUL", "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"escaped line", "GET /%0d%0aA: HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"escaped escape character", "GET /%1b[31m HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"* with GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"absolute target of another host", "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"absolute target of another port", "GET http://x:1/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"absolute target with a user", "GET http://x@y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"absolute target without a host", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"absolute target of another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        Refused{"host with a user", "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", 400},
        Refused{"host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
        Refused{"list of hosts", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", 400},
        Refused{"host with a strange port", "GET / HTTP/1.1\r\nHost: x:y\r\n\r\n", 400},
        Refused{"host with too large a port", "GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n", 400},
        Refused{"host with half an address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
        Refused{"host with more than an address", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
        Refused{"host with a name for an address", "GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", 400},
        Refused{"no path", "GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"connect", "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Refused{"TLS", "\x16\x03\x01\x02\x01\x01\xfc\r\n\r\n", 400},
        Refused{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Refused{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
        Refused{"HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505},
        Refused{"expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nContent-Length: 1\r\n\r\na", 417},
        Refused{"expectation of two",
                "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nExpect: cake\r\nContent-Length: 1\r\n\r\na", 417},
        Refused{"two numbers for a chunk",
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1 1\r\na\r\n0\r\n\r\n", 400},
        Refused{"trailer that is a request",
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET / HTTP/1.1\r\n\r\n", 400},
        Refused{"chunk size", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        Refused{"negative chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
        Refused{"chunk of 0x", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", 400},
        Refused{"chunk overflow",
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n", 400},
        Refused{"chunk with bare LF", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400},
        Refused{"LF in a chunk extension",
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n", 400},
        Refused{"chunk too long", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400}));

// --- ordinary requests ---

TEST(ServerTest, AnswersAndKeepsTheConnection) {
  TestServer server(Echo);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.Send("GET /a%20b?q=c%20d HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.Read();
    EXPECT_EQ(answer.status, 200U);
    EXPECT_EQ(answer.body, "GET /a b c d ");
    EXPECT_THAT(answer.head, Not(HasSubstr("Connection")));
  }
}

TEST(ServerTest, HeadArrivesByteByByte) {
  TestServer server(Echo);
  RawClient client(server.port());
  const std::string_view request = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  for (const char c : request) client.Send(std::string_view(&c, 1));
  EXPECT_EQ(client.Read().body, "POST /p - abc");
}

TEST(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: "
      "x\r\n\r\n");
  EXPECT_EQ(client.Read().body, "GET /1 - ");
  EXPECT_EQ(client.Read().body, "POST /2 - hi");
  EXPECT_EQ(client.Read().body, "GET /3 - ");
}

TEST(ServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send("HEAD /p HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto head = client.Read(false);
  EXPECT_THAT(head.head, HasSubstr("Content-Length: 10"));
  client.Send(kGet);  // anything sent as a body would be read as this answer
  EXPECT_EQ(client.Read().body, "GET / - ");
}

TEST(ServerTest, Http10ClosesUnlessAskedNotTo) {
  TestServer server(Echo);
  {
    RawClient client(server.port());
    client.Send("GET /old HTTP/1.0\r\n\r\n");
    const std::string all = client.All();
    EXPECT_THAT(all, HasSubstr("Connection: close"));
    EXPECT_THAT(all, HasSubstr("GET /old"));
  }
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    client.Send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(client.Read().head, HasSubstr("Connection: keep-alive"));
  }
}

TEST(ServerTest, ConnectionCloseIsHonoured) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.All(), HasSubstr("Connection: close"));
}

TEST(ServerTest, UpgradeAndAbsoluteTargetsAreOrdinaryRequests) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send(
      "GET http://X/p?q=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
      "AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n");
  EXPECT_EQ(client.Read().body, "GET /p 1 ");
}

TEST(ServerTest, EmptyLinesBeforeARequestAreForgiven) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send("\r\n\r\nGET /p HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read().body, "GET /p - ");
}

// --- bodies ---

TEST(ServerTest, ChunkedBodiesAtEverySplit) {
  TestServer server(Echo);
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;name=\"v\"\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: "
      "t\r\n\r\n";
  RawClient client(server.port());
  for (std::size_t split = request.find("\r\n\r\n"); split < request.size(); ++split) {
    client.Send(request.substr(0, split));
    client.Send(request.substr(split));
    ASSERT_EQ(client.Read().body, "POST /p - abcde") << split;
  }
}

// No limit of the content would ever end these: much framing, hardly any content.
TEST(ServerTest, ChunksThatAreMostlyFramingAreRefused) {
  TestServer server(Echo);
  const std::string head = "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto body = [](int chunks, std::size_t extension) {
    std::string text;
    for (int i = 0; i < chunks; ++i) text += "1;" + std::string(extension, 'x') + "\r\na\r\n";
    return text + "0\r\n\r\n";
  };
  RawClient modest(server.port());
  modest.Send(head + body(1000, 50));
  EXPECT_EQ(modest.Read().status, 200U);
  RawClient client(server.port());
  client.Send(head + body(100, 1000));
  EXPECT_EQ(client.Read().status, 400U);
}

TEST(ServerTest, EmptyChunkedBodyByteByByte) {
  TestServer server(Echo);
  RawClient client(server.port());
  const std::string_view request = "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (const char c : request) client.Send(std::string_view(&c, 1));
  EXPECT_EQ(client.Read().body, "POST /p - ");
}

TEST(ServerTest, ContinueIsSentOnlyWhenTheHandlerReads) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_EQ(client.Read().body, "POST /p - abc");

  TestServer deaf(Ignore);
  RawClient other(deaf.port());
  other.Send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  const std::string head = other.Until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, HasSubstr("Connection: close"));
}

TEST(ServerTest, ALittleUnreadBodyDoesNotCostTheConnection) {
  TestServer server(Ignore);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_THAT(client.Read().head, Not(HasSubstr("Connection: close")));
  client.Send(std::string(1000, 'x'));
  client.Send(kGet);
  EXPECT_EQ(client.Read().body, "ignored");
}

TEST(ServerTest, ALargeUnreadBodyEndsTheConnectionButTheAnswerArrives) {
  TestServer server(Ignore);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
  client.Send(std::string(1'000'000, 'x'));
  const auto answer = client.Read();
  EXPECT_EQ(answer.body, "ignored");
  EXPECT_THAT(answer.head, HasSubstr("Connection: close"));
  EXPECT_TRUE(client.Send(std::string(1'000'000, 'x')));  // taken, not reset
  client.ShutdownWrite();
  EXPECT_TRUE(client.AtEnd());
}

// --- limits ---

TEST(ServerTest, TooLargeAHeadIs431) {
  ServerOptions options;
  options.header_limit = 200;
  TestServer server(Echo, options);
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(300, 'a') + "\r\n\r\n");
  EXPECT_THAT(client.All(), StartsWith("HTTP/1.1 431"));
}

TEST(ServerTest, BodyLimitIs413BeforeReadingAndWhileReading) {
  ServerOptions options;
  options.body_limit = 10;
  TestServer server(Echo, options);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");  // no body: the answer must not wait for it
  EXPECT_THAT(client.Until("\r\n\r\n"), StartsWith("HTTP/1.1 413"));
  RawClient chunked(server.port());
  chunked.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n");
  const auto answer = chunked.Read();
  EXPECT_EQ(answer.status, 413U);
  EXPECT_THAT(answer.head, HasSubstr("Connection: close"));
}

TEST(ServerTest, ReadBodyHasALimitOfItsOwn) {
  TestServer server(Echo);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n");
  const auto answer = client.Read();
  EXPECT_EQ(answer.status, 413U);
  EXPECT_THAT(answer.head, HasSubstr("Connection: close"));
}

TEST(ServerTest, BodiesThatAreNotWholeYetShareABoundedMemory) {
  ServerOptions options;
  options.buffered_limit = 100'000;
  TestServer server([](Exchange& exchange) { return Tell(exchange); }, options);
  const auto post = [](std::size_t size) {
    return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(60'000, 'x');
  };
  RawClient first(server.port());
  first.Send(post(60'001));  // all but the last byte
  unsigned status = 200;
  while (status == 200) {  // until the server has read what the first one sent
    RawClient second(server.port());
    second.Send(post(60'000));
    status = second.Read().status;
  }
  EXPECT_EQ(status, 503U);
  first.Send("x");
  EXPECT_EQ(first.Read().status, 200U);
  RawClient third(server.port());
  third.Send(post(60'000));
  EXPECT_EQ(third.Read().status, 200U);
}

// The status that a new connection gets as soon as it is not 503 any more.
unsigned StatusWhenThereIsRoom(std::uint16_t port) {
  for (const Clock::time_point give_up = Clock::now() + 20s;;) {
    RawClient client(port);
    client.Send(kGet);
    const unsigned status = client.Read().status;
    if (status != 503 || Clock::now() > give_up) return status;
  }
}

TEST(ServerTest, WhereAllConnectionsHaveRequestsANewOneGets503) {
  ServerOptions options;
  options.max_connections = 1;
  TestServer server(Echo, options);
  RawClient first(server.port());
  first.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
  RawClient second;
  while (server.server().connections() == 0) std::this_thread::yield();
  second.Connect(server.port());
  second.Send(kGet);
  const std::string all = second.All();
  EXPECT_THAT(all, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(all, HasSubstr("all connections are taken"));
  first.Send("b");
  EXPECT_EQ(first.Read().body, "POST / - ab");
}

TEST(ServerTest, AConnectionWithoutARequestMakesRoom) {
  ServerOptions options;
  options.max_connections = 1;
  for (const std::string_view said : {""sv, "GET / HTT"sv, kGet}) {
    TestServer server(Echo, options, 1);
    RawClient waiting(server.port());
    waiting.Send(said);
    while (server.server().connections() == 0) std::this_thread::yield();
    EXPECT_EQ(StatusWhenThereIsRoom(server.port()), 200U) << said;
    EXPECT_THAT(waiting.All(), Not(HasSubstr("503"))) << said;
  }
}

TEST(ServerTest, ThoseThatNeverSentARequestMakeRoomFirst) {
  ServerOptions options;
  options.max_connections = 3;
  TestServer server(Echo, options, 1);
  RawClient regular(server.port());
  regular.Send(kGet);
  EXPECT_EQ(regular.Read().status, 200U);
  RawClient silent(server.port());
  RawClient half(server.port());
  half.Send("GET / HTT");
  while (server.server().connections() < 3) std::this_thread::yield();
  EXPECT_EQ(StatusWhenThereIsRoom(server.port()), 200U);
  EXPECT_EQ(silent.All(), "");  // it waited longest
  regular.Send(kGet);
  EXPECT_EQ(regular.Read().status, 200U);
}

TEST(ServerTest, RunningOutOfDescriptorsIsToldAndSurvived) {
  Event told;
  std::atomic<int> times{0};
  ServerOptions options;
  TestServer server(Echo, options);
  server.on_bug([&](std::string_view where) {
    if (where != "accept") return;
    ++times;
    told.Set();
  });
  RawClient client;  // its descriptor is taken before there are none
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  ::setrlimit(RLIMIT_NOFILE, &none);
  client.Connect(server.port());
  client.Send(kGet);
  const bool was_told = told.Wait();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(was_told);
  EXPECT_EQ(client.Read().status, 200U);
  EXPECT_EQ(times, 1);
}

TEST(ServerTest, DripFedHeadsAreCutAtTheHeadDeadline) {
  ServerOptions options;
  options.header_deadline = std::chrono::milliseconds(1);
  TestServer server(Echo, options);
  RawClient client(server.port());
  client.Send("GET / HTT");
  EXPECT_THAT(client.All(), StartsWith("HTTP/1.1 408"));
}

TEST(ServerTest, IdleConnectionsEndSilently) {
  ServerOptions options;
  options.idle_deadline = std::chrono::milliseconds(1);
  TestServer server(Echo, options);
  RawClient client(server.port());
  EXPECT_EQ(client.All(), "");
  EXPECT_THAT(server.bugs(), IsEmpty());
}

TEST(ServerTest, ABodyThatStallsIsCut) {
  ServerOptions options;
  options.io_deadline = std::chrono::milliseconds(1);
  TestServer server(Echo, options);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(client.All(), StartsWith("HTTP/1.1 408"));
}

TEST(ServerTest, ABodyThatTricklesIsCut) {
  ServerOptions options;
  options.io_deadline = std::chrono::milliseconds(100);
  options.slowest = 1'000'000;
  TestServer server(Echo, options);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  int sent = 0;
  while (sent < 1000 && client.Send("a")) {  // always in time for the next deadline, were there one for each byte
    ++sent;
    RawClient::Dawdle(std::chrono::milliseconds(10));
  }
  EXPECT_LT(sent, 1000);
  EXPECT_THAT(client.All(), AnyOf(StartsWith("HTTP/1.1 408"), ""));  // what was sent too late may have drawn a reset
}

TEST(PatienceTest, IsSpentByWaitingAndEarnedByBytes) {
  Patience patience(60s, 500);
  patience.Waited(50s, 0);
  EXPECT_EQ(patience.left(), 10s);
  patience.Waited(5s, 1);  // a byte now and then does not buy a minute
  EXPECT_EQ(patience.left(), 5s + 2ms);
  patience.Waited(1s, 2500);
  EXPECT_EQ(patience.left(), 9s + 2ms);
  patience.Waited(1s, 1'000'000'000);  // what was sent at once does not buy an hour
  EXPECT_EQ(patience.left(), 60s);
  patience.Waited(70s, 0);
  EXPECT_EQ(patience.left(), 0s);
}

}  // namespace
}  // namespace hostler::http
