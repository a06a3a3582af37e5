#include "http/relay.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "http/codec.h"

namespace hostler::http {
namespace {

constexpr std::uint64_t kSmall = 64 << 10;  // request bodies up to this are sent with the head, and can be sent again

// Fields of one hop (RFC 9110, 7.6.1) beside those that frame the message, and what is not the other server's business.
bool StaysHere(std::string_view name) {
  constexpr std::string_view kCors = "Access-Control-";
  static constexpr std::array<std::string_view, 11> kFields = {
      "Host",   "Authorization", "Cookie", "Expect", "TE", "Trailer", "Upgrade", "Proxy-Authenticate", "Proxy-Authorization",
      "Server", "Origin"};
  return IsFramingField(name) || std::ranges::any_of(kFields, [&](auto field) { return EqualsIgnoringCase(field, name); }) ||
         EqualsIgnoringCase(name.substr(0, kCors.size()), kCors);
}

Headers Passed(const Headers& headers) {
  const bool names_more = headers.Has("Connection");
  Headers passed;
  for (const auto& [name, value] : headers) {
    if (StaysHere(name) || (names_more && HasToken(headers, "Connection", name))) continue;
    passed.Add(name, value);
  }
  return passed;
}

class ExchangeBody final : public BodySource {
 public:
  explicit ExchangeBody(Exchange& exchange) : exchange_(exchange) {}
  std::optional<std::uint64_t> length() const override { return exchange_.content_length(); }
  Task<Result<std::string_view>> ReadSome() override { return exchange_.ReadSome(); }

 private:
  Exchange& exchange_;
};

Task<Result<>> CopyBody(Exchange& exchange, Reply& reply, bool framed) {
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await (framed ? reply.ReadFramed() : reply.ReadSome()));
    if (piece.empty()) co_return Result<>();
    co_await exchange.Write(piece);
  }
}

Task<Result<>> CopyChanged(Exchange& exchange, Reply& reply, const Change& change) {
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await reply.ReadSome());
    if (const std::string_view changed = change(piece); !changed.empty()) co_await exchange.Write(changed);
    if (piece.empty()) co_return Result<>();
  }
}

}  // namespace

Task<Result<>> Relay(Exchange& exchange, Client& client, RelayTo to) {
  Request request;
  request.method = exchange.method();
  request.target = std::move(to.target);
  request.headers = Passed(exchange.headers());
  ExchangeBody body(exchange);
  if (exchange.content_length().value_or(kSmall + 1) <= kSmall) {
    HOSTLER_CO_TRY(request.body, co_await exchange.ReadBody(kSmall));
  } else {
    request.source = &body;
  }
  HOSTLER_CO_TRY(const std::unique_ptr<Reply> reply, co_await client.Open(to.endpoint, std::move(request)));
  co_return co_await PassBack(exchange, *reply);
}

Task<Result<>> PassBack(Exchange& exchange, Reply& reply, const Change& change) {
  const bool framed = reply.chunked() && exchange.takes_chunks() && !change;
  Headers headers = Passed(reply.headers());
  if (framed) {
    co_await exchange.StartFramed(reply.status(), std::move(headers));
  } else {
    co_await exchange.Start(reply.status(), std::move(headers), change ? std::nullopt : reply.length());
  }
  // Of a stream nobody knows when its first piece comes: the head need not wait for it.
  if (!reply.length() && !reply.buffered()) co_await exchange.Write({});
  HOSTLER_CO_OK(co_await (change ? CopyChanged(exchange, reply, change) : CopyBody(exchange, reply, framed)));
  co_await exchange.Finish();
  co_return Result<>();
}

}  // namespace hostler::http
