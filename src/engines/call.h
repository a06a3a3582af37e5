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

// The whole answer, within `request.first_byte_deadline` altogether: one that trickles is as late as one that does not come.
// An answer beyond `limit` bytes is the engine's fault (kUpstream), not that of whoever asked.
[[nodiscard]] Task<Result<http::Response>> FetchWhole(http::Client& client, const http::Endpoint& endpoint, http::Request request,
                                                      std::uint64_t limit);
[[nodiscard]] Task<Result<std::string>> ReadWhole(http::Reply& reply, const http::Endpoint& endpoint, Clock::time_point end,
                                                  std::uint64_t limit);

inline constexpr std::uint64_t kSmallAnswer = 4 << 20;  // bytes: voices, abilities

template <class T>
[[nodiscard]] Task<Result<T>> Call(http::Client& client, http::Endpoint endpoint, http::Request request,
                                   std::uint64_t limit = kSmallAnswer) {
  const std::string target = request.target;
  auto response = co_await FetchWhole(client, endpoint, std::move(request), limit);
  if (!response) co_return std::unexpected(std::move(response).error());
  if (response->status / 100 != 2) co_return Fail(ErrorOfReply(response->status, response->body));
  auto value = json::Parse<T>(response->body, json::Unknown::kIgnore);
  if (!value) {
    co_return Fail(
        Error{Code::kUpstream,
              fmt::format("the engine answered {} with something else than its protocol: {}", target, value.error().Text()),
              "Check the engine with `hostler conform`.",
              {},
              {}});
  }
  co_return std::move(*value);
}

}  // namespace hostler::engines
