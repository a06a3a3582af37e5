#include "api/anthropic/routes.h"
#include "api/conversation.h"

namespace hostler::api::anthropic {
namespace {

struct ErrorDetail {
  std::string type;
  std::string message;
  std::string remedy;
};
BOOST_DESCRIBE_STRUCT(ErrorDetail, (), (type, message, remedy))

struct ErrorAnswer {
  std::string type = "error";
  ErrorDetail error;
};
BOOST_DESCRIBE_STRUCT(ErrorAnswer, (), (type, error))

std::string_view TypeOf(unsigned status) {
  switch (status) {
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

http::Response AnthropicError(const Error& error) {
  const ErrorBody body = EnvelopeOf(error).error;
  const unsigned status = StatusOf(error);
  ErrorAnswer answer;
  answer.error.type = TypeOf(status);
  answer.error.message = body.param.value ? *body.param.value + ": " + body.message : body.message;
  answer.error.remedy = body.remedy;
  http::Response response = http::JsonResponse(json::ToJson(answer), status);
  if (status == 429 || status == 503) response.headers.Set("Retry-After", "1");
  return response;
}

Task<Result<>> Answer(app::House& house, http::Exchange& exchange, Passage passage) {
  auto done = co_await Converse(house, exchange, std::move(passage));
  if (done || exchange.started()) co_return done;
  co_await exchange.Send(AnthropicError(done.error()));
  co_return Result<>{};
}

Task<Result<>> Messages(app::House& house, http::Exchange& exchange) {
  return Answer(house, exchange, {"/v1/messages", app::Shape::kMessages});
}

Task<Result<>> CountTokens(app::House& house, http::Exchange& exchange) {
  return Answer(house, exchange, {"/v1/messages/count_tokens", app::Shape::kMessages});
}

}  // namespace

void AddMessages(Door& door) {
  const auto doc = [](std::string summary) { return Doc{std::move(summary), "Anthropic", {}, "application/json"}; };
  door.Raw(http::Method::kPost, "/v1/messages", doc("Answer a conversation; with stream, as events"), Messages);
  door.Raw(http::Method::kPost, "/v1/messages/count_tokens", doc("How many tokens a conversation has"), CountTokens);
}

}  // namespace hostler::api::anthropic
