// One JSON call to an engine: status checked, body decoded, the engine's error passed on as ours.
//
// Any loop; the client is that loop's.
#pragma once

#include <string>

#include <fmt/format.h>

#include "http/client.h"
#include "wire/wire.h"

namespace hostler::engines {

// The error that a non-2xx answer of an engine carries; kUpstream if it is no error envelope.
[[nodiscard]] Error ErrorOfReply(unsigned status, std::string_view body);

// Nobody knows an engine by the path of its socket: the message names the model instead.
void NameEngine(Error& error, const http::Endpoint& endpoint, const std::string& model);

template <class T>
[[nodiscard]] http::Request JsonRequest(http::Method method, std::string target, const T& body) {
  http::Request request;
  request.method = method;
  request.target = std::move(target);
  request.headers.Set("Content-Type", "application/json");
  request.body = json::ToJson(body);
  return request;
}

template <class T>
[[nodiscard]] Task<Result<T>> Call(http::Client& client, http::Endpoint endpoint, http::Request request) {
  const std::string target = request.target;
  auto response = co_await client.Fetch(endpoint, std::move(request));
  if (!response) co_return std::unexpected(std::move(response).error());
  if (response->status / 100 != 2) co_return Fail(ErrorOfReply(response->status, response->body));
  auto value = json::Parse<T>(response->body, json::Unknown::kIgnore);
  if (!value) {
    co_return Fail(
        Error{Code::kUpstream,
              fmt::format("the engine answered {} with something else than its protocol: {}", target, value.error().message),
              "Check the engine with `hostler conform`.",
              {},
              {}});
  }
  co_return std::move(*value);
}

}  // namespace hostler::engines
