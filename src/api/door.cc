#include "api/door.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::api {

Task<Result<std::string>> ReadJsonText(http::Exchange& exchange, std::uint64_t limit) {
  HOSTLER_CO_OK(http::CheckBodyEncoding(exchange.headers()));
  Result<std::string> body = co_await exchange.ReadBody(limit);
  if (!body || body->empty()) co_return body;
  const std::string type = http::MediaType(exchange.headers().Get("Content-Type"));
  if (!type.empty() && type != "application/json" && !type.ends_with("+json")) {
    co_return Fail(Error{Code::kUnsupported,
                         fmt::format("the content type is {}, this route takes JSON", type),
                         "Send Content-Type: application/json (curl: -H 'Content-Type: application/json').",
                         {},
                         "unsupported_media_type"});
  }
  co_return body;
}

Task<Result<json::Any>> ReadJsonDom(http::Exchange& exchange) {
  HOSTLER_CO_TRY(const std::string body, co_await ReadJsonText(exchange, kJsonLimit));
  if (body.empty()) co_return json::Any(boost::json::object_kind);
  co_return json::ParseDom(body);
}

void NameIgnored(http::Exchange& exchange, const std::vector<std::string>& names) {
  std::string value;
  for (const std::string& name : names) {
    if (value.size() > 1000) {
      value += ", ...";
      break;
    }
    value += (value.empty() ? "" : ", ") + PercentEncode(std::string_view(name).substr(0, 100));
  }
  if (!value.empty()) exchange.AddHeader(kIgnoredHeader, value);
}

Task<> Door::RunRaw(app::House& house, http::Exchange& exchange, Task<Result<>> (*handle)(app::House&, http::Exchange&)) {
  const Result<> done = co_await handle(house, exchange);
  if (done) co_return;
  if (exchange.started()) {
    house.log.Error("{} {} broke off after the answer had begun: {}", http::MethodName(exchange.method()), exchange.path(),
                    done.error().Text());
    exchange.Abort();
    co_return;
  }
  co_await exchange.Send(ErrorResponse(done.error()));
}

}  // namespace hostler::api
