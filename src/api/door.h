// How a route is written: a free coroutine that takes the house, the exchange and the decoded request, and returns the typed
// answer. The door parses, calls, formats, documents. JSON goes no deeper than here.
//
//   Task<Result<wire::UnloadReply>> Unload(app::House& house, http::Exchange& exchange, wire::UnloadRequest request);
//   door.Post("/models/unload", {"Unload a model", "Engine"}, Unload);
//
// Owner: hostlerd, while it builds the routes. Handlers run on the connection's loop.
#pragma once

#include <string>
#include <string_view>

#include "api/errors.h"
#include "api/openapi.h"
#include "app/house.h"
#include "http/router.h"
#include "http/server.h"

namespace hostler::api {

inline constexpr std::uint64_t kJsonLimit = 8 << 20;  // bytes of a JSON body

// Header that names the fields of a request that were passed over (OpenAI's routes only).
inline constexpr std::string_view kIgnoredHeader = "X-Hostler-Ignored-Fields";

// The body as T. Errors: 415 for another content type, 400 for what is not JSON, 422 with the path for what is not T.
// `strict`: unknown fields are errors; else they are named in `ignored`.
template <class T>
[[nodiscard]] Task<Result<T>> ReadJson(http::Exchange& exchange, bool strict, std::vector<std::string>* ignored = nullptr);

// Says in the answer's head which fields were passed over. Names are the client's: encoded, and at most about 1 KB of them.
void NameIgnored(http::Exchange& exchange, const std::vector<std::string>& names);

// The body of a JSON request as text. Errors: 415 for another content type or a compressed body, 413 beyond `limit` bytes.
[[nodiscard]] Task<Result<std::string>> ReadJsonText(http::Exchange& exchange, std::uint64_t limit);
// An empty body counts as {}.
[[nodiscard]] Task<Result<json::Any>> ReadJsonDom(http::Exchange& exchange);

class Door {
 public:
  Door(app::House& house, http::Router& router) : house_(house), router_(router) {}

  template <class Answer>
  void Get(std::string_view pattern, const Doc& doc, Task<Result<Answer>> (*handle)(app::House&, http::Exchange&)) {
    Typed(http::Method::kGet, pattern, doc, handle);
  }
  template <class Answer>
  void Post(std::string_view pattern, const Doc& doc, Task<Result<Answer>> (*handle)(app::House&, http::Exchange&)) {
    Typed(http::Method::kPost, pattern, doc, handle);
  }
  template <class Answer>
  void Delete(std::string_view pattern, const Doc& doc, Task<Result<Answer>> (*handle)(app::House&, http::Exchange&)) {
    Typed(http::Method::kDelete, pattern, doc, handle);
  }
  // With a JSON body; unknown fields are errors (hostler's own routes).
  template <class Request, class Answer>
  void Post(std::string_view pattern, const Doc& doc, Task<Result<Answer>> (*handle)(app::House&, http::Exchange&, Request)) {
    WithBody(http::Method::kPost, pattern, doc, handle);
  }
  template <class Request, class Answer>
  void Put(std::string_view pattern, const Doc& doc, Task<Result<Answer>> (*handle)(app::House&, http::Exchange&, Request)) {
    WithBody(http::Method::kPut, pattern, doc, handle);
  }
  // The handler answers by itself. `Request` is only for the documentation (void: no body).
  template <class Request = void>
  void Raw(http::Method method, std::string_view pattern, const Doc& doc,
           Task<Result<>> (*handle)(app::House&, http::Exchange&)) {
    boost::json::value schema;
    if constexpr (!std::is_void_v<Request>) schema = openapi_.SchemaOf<Request>();
    openapi_.AddRoute(method, pattern, doc, schema, nullptr);
    router_.Add(method, pattern, [&house = house_, handle](http::Exchange& exchange) { return RunRaw(house, exchange, handle); });
  }

  [[nodiscard]] std::string OpenApiText() const { return openapi_.Text(); }

 private:
  template <class Request, class Answer>
  void WithBody(http::Method method, std::string_view pattern, const Doc& doc,
                Task<Result<Answer>> (*handle)(app::House&, http::Exchange&, Request)) {
    openapi_.AddRoute(method, pattern, doc, openapi_.SchemaOf<Request>(), openapi_.SchemaOf<Answer>());
    router_.Add(method, pattern,
                [&house = house_, handle](http::Exchange& exchange) { return RunWithBody(house, exchange, handle); });
  }
  template <class Answer>
  void Typed(http::Method method, std::string_view pattern, const Doc& doc,
             Task<Result<Answer>> (*handle)(app::House&, http::Exchange&)) {
    openapi_.AddRoute(method, pattern, doc, nullptr, openapi_.SchemaOf<Answer>());
    router_.Add(method, pattern,
                [&house = house_, handle](http::Exchange& exchange) { return RunTyped(house, exchange, handle); });
  }

  template <class Answer>
  static Task<> RunTyped(app::House& house, http::Exchange& exchange,
                         Task<Result<Answer>> (*handle)(app::House&, http::Exchange&)) {
    const Result<Answer> answer = co_await handle(house, exchange);
    co_await exchange.Send(answer ? http::JsonResponse(json::ToJson(*answer)) : ErrorResponse(answer.error()));
  }

  template <class Request, class Answer>
  static Task<> RunWithBody(app::House& house, http::Exchange& exchange,
                            Task<Result<Answer>> (*handle)(app::House&, http::Exchange&, Request)) {
    Result<Request> request = co_await ReadJson<Request>(exchange, true);
    if (!request) {
      co_await exchange.Send(ErrorResponse(request.error()));
      co_return;
    }
    const Result<Answer> answer = co_await handle(house, exchange, std::move(*request));
    co_await exchange.Send(answer ? http::JsonResponse(json::ToJson(*answer)) : ErrorResponse(answer.error()));
  }

  // An error before the answer began is the answer; after it the stream is cut and the reason logged.
  static Task<> RunRaw(app::House& house, http::Exchange& exchange, Task<Result<>> (*handle)(app::House&, http::Exchange&));

  app::House& house_;
  http::Router& router_;
  OpenApi openapi_;
};

template <class T>
Task<Result<T>> ReadJson(http::Exchange& exchange, bool strict, std::vector<std::string>* ignored) {
  const Result<json::Any> dom = co_await ReadJsonDom(exchange);
  if (!dom) co_return std::unexpected(dom.error());
  T value{};
  json::DecodeOptions options{strict ? json::Unknown::kError : json::Unknown::kIgnore, {}};
  if (auto decoded = json::Decode(*dom, value, options); !decoded) {
    Error error = std::move(decoded.error());
    error.name = "validation_error";
    co_return std::unexpected(std::move(error));
  }
  if (ignored != nullptr) *ignored = std::move(options.ignored);
  co_return value;
}

}  // namespace hostler::api
