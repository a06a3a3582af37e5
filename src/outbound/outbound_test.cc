#include "outbound/outbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <numeric>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_future.hpp>

#include "http/server.h"
#include "outbound/url.h"

namespace hostler::outbound {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// ---- addresses ----

TEST(UrlTest, PartsAreReadAndWrittenAsTheyWere) {
  const auto url = ParseUrl("HTTPS://u:p@CDN.Example:8443/a%2Fb?X-Sig=%3B%7e~_&x#part");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "cdn.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/a%2Fb?X-Sig=%3B%7e~_&x");
  EXPECT_EQ(url->Text(), "https://u:p@cdn.example:8443/a%2Fb?X-Sig=%3B%7e~_&x");
  EXPECT_EQ(ParseUrl("http://[::1]:9/x")->Origin(), "http://[::1]:9");
  EXPECT_EQ(ParseUrl("http://h?q")->target, "/?q");
}

TEST(UrlTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", "x", "ftp://h/", "http:///x", "http://h:0/", "http://h:99999/", "http://h:8x/", "http://h/a b",
                           "http://h/\n", "http://h\\@evil/", "http://a]b/", "file:///etc/passwd", "http://h/\xc3\xa4"}) {
    EXPECT_FALSE(ParseUrl(text)) << text;
  }
}

TEST(UrlTest, OriginsDifferByPortAndScheme) {
  const auto a = ParseUrl("http://h/");
  EXPECT_TRUE(a->SameOrigin(*ParseUrl("http://H:80/x")));
  EXPECT_FALSE(a->SameOrigin(*ParseUrl("http://h:81/")));
  EXPECT_FALSE(a->SameOrigin(*ParseUrl("https://h:80/")));
}

TEST(UrlTest, LocationsAreFollowed) {
  const auto base = ParseUrl("https://hub.example/api/x?y=1");
  const auto at = [&](std::string_view location) { return Follow(*base, location) ? Follow(*base, location)->Text() : "none"; };
  EXPECT_EQ(at("/b?c=%2F"), "https://hub.example/b?c=%2F");
  EXPECT_EQ(at("//other/b"), "https://other/b");
  EXPECT_EQ(at("http://cdn/b"), "http://cdn/b");
  EXPECT_EQ(at("z/w"), "https://hub.example/api/z/w");
  EXPECT_EQ(at("../w?q=../"), "https://hub.example/w?q=../");
  EXPECT_EQ(at("../../.."), "https://hub.example/");
  EXPECT_EQ(at("?q"), "https://hub.example/api/x?q");
  EXPECT_EQ(at("javascript:alert(1)"), "none");
  EXPECT_EQ(at("/a\r\nX: y"), "none");
}

TEST(UrlTest, SecretsAreNotShown) {
  EXPECT_EQ(Shown("https://user:secret@h:1/p/q?Signature=secret#x"), "https://h:1/p/q");
  EXPECT_EQ(Shown("https://h?token=secret@x"), "https://h");
}

// ---- requests ----

Request To(std::string url, std::size_t window = 1 << 20) {
  return {.url = std::move(url), .window = window};
}

class OutboundTest : public ::testing::Test {
 protected:
  OutboundTest() {
    loop_.Start();
    server_loop_.Start();
  }
  void Serve(http::Handler handler) {
    server_ = std::make_unique<http::Server>(std::vector<Loop*>{&server_loop_}, std::move(handler), http::ServerOptions{});
    port_ = *server_->ListenTcp("127.0.0.1", 0);
  }
  ~OutboundTest() override {
    if (server_ == nullptr) return;
    std::promise<void> drained;
    server_->Drain(std::chrono::seconds(0), [&] { drained.set_value(); });
    drained.get_future().wait();
  }
  std::string Url(std::string_view target) const { return "http://127.0.0.1:" + std::to_string(port_) + std::string(target); }
  template <class T>
  T Get(Task<T> task) {
    return asio::co_spawn(loop_.executor(), std::move(task), asio::use_future).get();
  }
  struct Seen {
    Head head;
    std::string body;
  };
  static Task<Outcome<Seen>> Fetch(Client& client, Request request) {
    Outcome<Answer> answer = co_await client.Open(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    Outcome<std::string> body = co_await answer->ReadAll(64 << 20);
    if (!body) co_return std::unexpected(body.error());
    co_return Seen{answer->head(), std::move(*body)};
  }

  Client client_{Client::Options{.module = HOSTLER_OUTBOUND_MODULE}};
  Loop loop_{"reader"};
  Loop server_loop_{"server"};
  std::unique_ptr<http::Server> server_;
  std::uint16_t port_ = 0;
};

Task<> Echo(http::Exchange& exchange) {
  std::string text = exchange.target() + "\n" + std::string(http::MethodName(exchange.method())) + "\n";
  for (const auto& [name, value] : exchange.headers()) text += std::string(name) + ": " + std::string(value) + "\n";
  Result<std::string> body = co_await exchange.ReadBody(1 << 20);
  text += *body;
  http::Response response = http::TextResponse(std::move(text));
  response.headers.Add("X-Twice", "1");
  response.headers.Add("X-Twice", "2");
  co_await exchange.Send(std::move(response));
}

TEST_F(OutboundTest, ARequestGoesOutAsItIsAndTheHeadComesInOrder) {
  Serve(Echo);
  const auto seen = Get(Fetch(client_, {.url = Url("/a%2Fb/../c?s=%3B%7e~_"), .headers = {{"X-One", "1"}, {"X-None", ""}}}));
  ASSERT_TRUE(seen) << seen.error().error.Text();
  EXPECT_EQ(seen->head.status, 200);
  EXPECT_THAT(seen->body, HasSubstr("/a%2Fb/../c?s=%3B%7e~_\nGET\n"));
  EXPECT_THAT(seen->body, HasSubstr("X-One: 1\n"));
  EXPECT_THAT(seen->body, HasSubstr("X-None: \n"));
  EXPECT_THAT(seen->body, HasSubstr("Accept-Encoding: identity\n"));
  EXPECT_THAT(seen->body, HasSubstr("User-Agent: hostler/"));
  std::vector<std::string> twice;
  for (const Field& field : seen->head.headers) {
    if (field.name == "X-Twice") twice.push_back(field.value);
  }
  EXPECT_THAT(twice, ElementsAre("1", "2"));
}

TEST_F(OutboundTest, BodiesAreSent) {
  Serve(Echo);
  const auto seen = Get(Fetch(client_, {.method = "POST", .url = Url("/"), .body = "hello\n"}));
  ASSERT_TRUE(seen) << seen.error().error.Text();
  EXPECT_THAT(seen->body, HasSubstr("POST\n"));
  EXPECT_THAT(seen->body, ::testing::EndsWith("\nhello\n"));
  EXPECT_THAT(seen->body, Not(HasSubstr("Expect")));
}

Task<> Redirect(http::Exchange& exchange) {
  if (exchange.path() == "/end") {
    co_await Echo(exchange);
    co_return;
  }
  http::Response response = http::TextResponse("elsewhere", "text/plain", 302);
  response.headers.Add("Location", exchange.path() == "/circle" ? "/circle" : "/end?x=1");
  co_await exchange.Send(std::move(response));
}

TEST_F(OutboundTest, RedirectsAreFollowedOnlyWhenAsked) {
  Serve(Redirect);
  const auto first = Get(Fetch(client_, {.url = Url("/")}));
  ASSERT_TRUE(first) << first.error().error.Text();
  EXPECT_EQ(first->head.status, 302);
  EXPECT_EQ(first->body, "elsewhere");
  const auto last = Get(Fetch(client_, {.url = Url("/"), .follow_redirects = true}));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->head.status, 200);
  EXPECT_EQ(last->head.url, Url("/end?x=1"));
  EXPECT_THAT(last->body, Not(HasSubstr("elsewhere")));
  const auto circle = Get(Fetch(client_, {.url = Url("/circle"), .follow_redirects = true}));
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().trouble, Trouble::kProtocol);
}

constexpr std::size_t kLarge = 8 << 20;
std::atomic<std::size_t> sent = 0;
Task<> Large(http::Exchange& exchange) {
  co_await exchange.Start(200, {}, kLarge);
  const std::string piece(64 << 10, 'x');
  for (sent = 0; sent < kLarge; sent += piece.size()) co_await exchange.Write(piece);
  co_await exchange.Finish();
}

TEST_F(OutboundTest, PiecesAreAsLargeAsAskedAndAddUp) {
  Serve(Large);
  const auto read = [](Client& client, std::string url) -> Task<std::vector<std::size_t>> {
    Outcome<Answer> answer = co_await client.Open(To(std::move(url)));
    std::vector<std::size_t> sizes;
    for (;;) {
      Outcome<std::string> piece = co_await answer->Read(100'000);
      if (piece->empty()) co_return sizes;
      sizes.push_back(piece->size());
    }
  };
  const std::vector<std::size_t> sizes = Get(read(client_, Url("/")));
  EXPECT_THAT(sizes, ::testing::Each(::testing::Le(100'000u)));
  EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), kLarge);
  EXPECT_LT(sizes.size(), kLarge / 16384) << "libcurl's small writes were not gathered";
}

std::promise<void>* gone = nullptr;
Task<> Endless(http::Exchange& exchange) {
  struct Leaves {
    ~Leaves() { gone->set_value(); }
  } leaves;
  co_await exchange.Start(200, {});
  const std::string piece(64 << 10, 'x');
  for (;;) co_await exchange.Write(piece);
}

TEST_F(OutboundTest, AnAnswerThatIsDroppedFreesItsTransfer) {
  std::promise<void> left;
  gone = &left;
  Serve(Endless);
  const auto read = [](Client& client, std::string url) -> Task<std::size_t> {
    Outcome<Answer> answer = co_await client.Open(To(std::move(url)));
    Outcome<std::string> piece = co_await answer->Read();
    co_return piece->size();
  };
  EXPECT_GT(Get(read(client_, Url("/"))), 0u);
  EXPECT_EQ(left.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(OutboundTest, NobodyReadsSoThePeerWaits) {
  std::promise<void> left;
  gone = &left;
  Serve(Endless);
  // Bytes of a peer that never ends stay within the window: reading them late finds no more than that waiting at once.
  const auto read = [](Client& client, std::string url) -> Task<std::size_t> {
    Outcome<Answer> answer = co_await client.Open(To(std::move(url), 128 << 10));
    std::size_t most = 0;
    for (int i = 0; i < 20; ++i) {
      Outcome<std::string> piece = co_await answer->Read();
      most = std::max(most, piece->size());
    }
    co_return most;
  };
  const std::size_t most = Get(read(client_, Url("/")));
  EXPECT_GT(most, 0u);
  EXPECT_LE(most, (128u << 10) + 16384);
  left.get_future().wait();
}

std::promise<void>* begun = nullptr;
Task<> Silent(http::Exchange& exchange) {
  struct Leaves {
    ~Leaves() { gone->set_value(); }
  } leaves;
  if (exchange.path() == "/half") {
    co_await exchange.Start(200, {}, 100);
    co_await exchange.Write("half");
    if (begun != nullptr) std::exchange(begun, nullptr)->set_value();
  }
  co_await Sleep(std::chrono::hours(1));
}

TEST_F(OutboundTest, APeerThatFallsSilentIsGivenUp) {
  for (const char* path : {"/none", "/half"}) {
    std::promise<void> left;
    gone = &left;
    if (server_ == nullptr) Serve(Silent);
    const auto seen = Get(Fetch(client_, {.url = Url(path), .idle_timeout_s = 0.05}));
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().trouble, Trouble::kTimeout);
    EXPECT_TRUE(seen.error().transient());
    left.get_future().wait();
  }
}

TEST_F(OutboundTest, CancellingTheWaiterEndsTheTransfer) {
  std::promise<void> left;
  gone = &left;
  std::promise<void> started;
  begun = &started;
  Serve(Silent);
  asio::cancellation_signal signal;
  std::promise<bool> thrown;
  const auto wait = [](Client& client, std::string url) -> Task<> {
    Outcome<Answer> answer = co_await client.Open(To(std::move(url)));
    Outcome<std::string> first = co_await answer->Read();
    Outcome<std::string> second = co_await answer->Read();
  };
  loop_.Post([&] {
    asio::co_spawn(
        loop_.executor(), wait(client_, Url("/half")),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr what) { thrown.set_value(what != nullptr); }));
  });
  started.get_future().wait();
  loop_.Post([&] { signal.emit(asio::cancellation_type::terminal); });
  EXPECT_TRUE(thrown.get_future().get());
  left.get_future().wait();
}

Task<> Short(http::Exchange& exchange) {
  co_await exchange.Start(200, {}, 100);
  co_await exchange.Write("only this");
  exchange.Abort();
}

TEST_F(OutboundTest, AShortBodyGivesWhatCameAndThenTheFailure) {
  Serve(Short);
  const auto read = [](Client& client, std::string url) -> Task<std::pair<std::string, Trouble>> {
    Outcome<Answer> answer = co_await client.Open(To(std::move(url)));
    std::string all;
    for (;;) {
      Outcome<std::string> piece = co_await answer->Read();
      if (!piece) co_return std::pair{all, piece.error().trouble};
      if (piece->empty()) co_return std::pair{all, Trouble::kInvalid};
      all += *piece;
    }
  };
  const auto [all, trouble] = Get(read(client_, Url("/")));
  EXPECT_EQ(all, "only this");
  EXPECT_THAT(trouble, ::testing::AnyOf(Trouble::kTruncated, Trouble::kReset));
}

TEST_F(OutboundTest, FailuresSayWhereAndKeepSecrets) {
  const auto refused = Get(Fetch(client_, {.url = "http://user:secret@127.0.0.1:1/x?token=secret"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().trouble, Trouble::kConnect);
  EXPECT_THAT(refused.error().error.Text(), HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(refused.error().error.Text(), Not(HasSubstr("secret")));
  EXPECT_FALSE(refused.error().error.remedy.empty());
  const auto nowhere = Get(Fetch(client_, {.url = "http://no-such-host.invalid/"}));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().trouble, Trouble::kResolve);
  const auto field = Get(Fetch(client_, {.url = "http://h/", .headers = {{"Authorization", "Bearer x\r\nX: y"}}}));
  ASSERT_FALSE(field);
  EXPECT_EQ(field.error().trouble, Trouble::kInvalid);
}

TEST_F(OutboundTest, AMissingModuleIsAnErrorWithARemedy) {
  Client lonely(Client::Options{.module = "/nonexistent/hostler-outbound.so"});
  const auto seen = Get(Fetch(lonely, {.url = "http://127.0.0.1:1/"}));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().trouble, Trouble::kModule);
  EXPECT_THAT(seen.error().error.remedy, HasSubstr("hostler-outbound.so"));
}

TEST_F(OutboundTest, BodiesOverTheLimitAreRefused) {
  Serve(Large);
  const auto read = [](Client& client, std::string url) -> Task<Trouble> {
    Outcome<Answer> answer = co_await client.Open(To(std::move(url)));
    Outcome<std::string> all = co_await answer->ReadAll(1 << 20);
    co_return all ? Trouble::kInvalid : all.error().trouble;
  };
  EXPECT_EQ(Get(read(client_, Url("/"))), Trouble::kTooLarge);
}

}  // namespace
}  // namespace hostler::outbound
