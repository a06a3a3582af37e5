#include "engines/call.h"

#include <algorithm>

#include "base/text.h"

namespace hostler::engines {

Error ErrorOfReply(unsigned status, std::string_view body) {
  if (const auto reply = json::Parse<wire::ErrorReply>(body, json::Unknown::kIgnore)) return wire::FromReply(status, *reply);
  return Error{Code::kUpstream,
               fmt::format("the engine answered with status {} and no reason", status),
               "Look at `hostler logs`.",
               {},
               {}};
}

void NameEngine(Error& error, const http::Endpoint& endpoint, const std::string& model) {
  for (const std::string& address : {endpoint.Text(), endpoint.unix_path}) {
    const std::size_t at = address.empty() ? std::string::npos : error.message.find(address);
    if (at == std::string::npos) continue;
    error.message.replace(at, address.size(), fmt::format("the engine of \"{}\"", model));
    error.remedy = "`hostler logs` shows what the engine said; `hostler conform` checks it.";
    return;
  }
}

Task<Result<std::string>> ReadWhole(http::Reply& reply, const http::Endpoint& endpoint, Clock::time_point end,
                                    std::uint64_t limit) {
  std::string body;
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await reply.ReadSome());
    if (piece.empty()) co_return body;
    if (Clock::now() > end)
      co_return Fail(Code::kTimeout, fmt::format("{} took too long to end its answer", endpoint.Text()), "Try again.");
    if (body.size() + piece.size() > limit) {
      co_return Fail(Code::kUpstream,
                     fmt::format("the answer of {} is larger than {}", endpoint.Text(), HumanBytes(static_cast<double>(limit))),
                     "Check the engine with `hostler conform`.");
    }
    body.append(piece);
  }
}

Task<Result<http::Response>> FetchWhole(http::Client& client, const http::Endpoint& endpoint, http::Request request,
                                        std::uint64_t limit) {
  const Clock::time_point end = Clock::now() + request.first_byte_deadline;
  request.idle_deadline = std::min(request.idle_deadline, request.first_byte_deadline);
  HOSTLER_CO_TRY(const auto reply, co_await client.Open(endpoint, std::move(request)));
  http::Response response;
  response.status = reply->status();
  HOSTLER_CO_TRY(response.body, co_await ReadWhole(*reply, endpoint, end, limit));
  co_return response;
}

}  // namespace hostler::engines
