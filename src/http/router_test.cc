#include "http/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/testing/raw_client.h"

namespace hostler::http {
namespace {

using ::testing::HasSubstr;
using testing::RawClient;
using testing::TestServer;

// Every handler of the table answers with its own pattern, so that a test sees which one ran.
Handler Named(std::string name) {
  return [name = std::move(name)](Exchange& exchange) -> Task<> {
    Response response = TextResponse(name);
    co_await exchange.Send(std::move(response));
  };
}

Router MakeRouter() {
  Router router;
  for (const char* pattern :
       {"/", "/health", "/api/models", "/api/models/{id+}", "/api/models/{id+}/status", "/api/models/{id+}/files/status",
        "/api/models/special", "/api/tasks/{id}", "/api/tasks/{id}/log", "/api/tasks/all", "/ui/{path+}"}) {
    router.Add(Method::kGet, pattern, Named(pattern));
  }
  router.Add(Method::kPost, "/api/models/{id+}/load", Named("load"));
  router.Add(Method::kDelete, "/api/models/{id+}", Named("delete"));
  router.Add(Method::kPost, "/ui/only-post", Named("post"));
  return router;
}

struct Case {
  Method method;
  const char* path;
  const char* params;  // "name=value " each, "404", or "405 METHOD..."
};

std::string Describe(const Router::Match& match) {
  std::string text;
  if (match.handler == nullptr) {
    if (match.allowed.empty()) return "404";
    text = "405";
    for (const Method method : match.allowed) text += " " + std::string(MethodName(method));
    return text;
  }
  for (const auto& [name, value] : match.params) text += name + "=" + value + " ";
  return text;
}

TEST(RouterTest, Table) {
  const Router router = MakeRouter();
  for (const Case& c : std::initializer_list<Case>{
           {Method::kGet, "/", ""},
           {Method::kGet, "/health", ""},
           {Method::kHead, "/health", ""},
           {Method::kGet, "/health/", "404"},
           {Method::kGet, "//health", "404"},
           {Method::kGet, "/Health", "404"},
           {Method::kGet, "", "404"},
           {Method::kGet, "*", "404"},
           {Method::kPost, "/health", "405 GET HEAD"},
           {Method::kGet, "/api/models/kokoro", "id=kokoro "},
           {Method::kGet, "/api/models/Qwen/Qwen3", "id=Qwen/Qwen3 "},
           {Method::kGet, "/api/models/Qwen/Qwen3/status", "id=Qwen/Qwen3 "},
           {Method::kGet, "/api/models/a/b/files/status", "id=a/b "},
           {Method::kGet, "/api/models/status", "id=status "},  // a model may be called so
           {Method::kGet, "/api/models/status/status", "id=status "},
           {Method::kGet, "/api/models/special", ""},
           {Method::kGet, "/api/models/special/status", "id=special "},
           {Method::kGet, "/api/models/", "404"},
           {Method::kGet, "/api/models/a/", "404"},
           {Method::kGet, "/api/models/a//b", "404"},
           {Method::kGet, "/api/models/../x", "404"},
           {Method::kGet, "/ui/../health", "404"},
           {Method::kGet, "/ui/./x", "404"},
           {Method::kDelete, "/api/models/a/b", "id=a/b "},
           {Method::kPost, "/api/models/a/b/load", "id=a/b "},
           {Method::kDelete, "/api/models/a/b/status", "id=a/b/status "},  // the better pattern has no such method
           {Method::kPut, "/api/models/a/b", "405 GET HEAD DELETE"},
           {Method::kGet, "/api/tasks/7", "id=7 "},
           {Method::kGet, "/api/tasks/all", ""},
           {Method::kGet, "/api/tasks/all/log", "id=all "},  // back out of the literal branch
           {Method::kGet, "/api/tasks/7/8", "404"},
           {Method::kGet, "/ui/a/b.js", "path=a/b.js "},
           {Method::kGet, "/ui/only-post", "path=only-post "},
           {Method::kPost, "/ui/only-post", ""},
       }) {
    EXPECT_EQ(Describe(router.Find(c.method, c.path)), c.params) << MethodName(c.method) << " " << c.path;
  }
}

TEST(RouterTest, TheLongestSuffixWins) {
  Router router;
  router.Add(Method::kGet, "/m/{id+}/status", Named("short"));
  router.Add(Method::kGet, "/m/{id+}/files/status", Named("long"));
  EXPECT_EQ(Describe(router.Find(Method::kGet, "/m/a/files/status")), "id=a ");
  EXPECT_EQ(Describe(router.Find(Method::kGet, "/m/files/status")), "id=files ");
}

TEST(RouterDeathTest, TheSameRouteTwiceIsABug) {
  Router router = MakeRouter();
  EXPECT_DEATH(router.Add(Method::kGet, "/health", Named("again")), "added twice");
  EXPECT_DEATH(router.Add(Method::kGet, "/api/models/{id+}", Named("again")), "added twice");
  EXPECT_DEATH(router.Add(Method::kGet, "/x/{a+}/{b}", Named("x")), "literal");
}

Response PlainError(unsigned status, const Error& error) {
  return TextResponse(error.Text(), "text/plain", status);
}

TEST(RouterTest, AsHandlerAnswersForItself) {
  const Router router = MakeRouter();
  TestServer server(router.AsHandler(PlainError));
  RawClient client(server.port());
  const auto ask = [&](std::string_view line, bool body = true) {
    client.Send(std::string(line) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.Read(body);
  };
  EXPECT_EQ(ask("GET /api/models/org%2Fmodel/status").body, "/api/models/{id+}/status");
  const auto missing = ask("GET /nowhere");
  EXPECT_EQ(missing.status, 404U);
  EXPECT_THAT(missing.body, HasSubstr("/openapi.json"));
  const auto refused = ask("DELETE /health");
  EXPECT_EQ(refused.status, 405U);
  EXPECT_THAT(refused.head, HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  const auto options = ask("OPTIONS /api/models/a", false);
  EXPECT_EQ(options.status, 204U);
  EXPECT_THAT(options.head, HasSubstr("Allow: GET, HEAD, DELETE, OPTIONS\r\n"));
  EXPECT_EQ(ask("HEAD /health", false).status, 200U);
  EXPECT_EQ(ask("GET /health").body, "/health");
}

}  // namespace
}  // namespace hostler::http
