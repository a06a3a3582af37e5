#include "api/conversation.h"
#include "api/openai/routes.h"

namespace hostler::api::openai {
namespace {

Task<Result<>> Chat(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/v1/chat/completions", app::Shape::kMessages});
}

Task<Result<>> Completion(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/v1/completions", app::Shape::kPrompt});
}

Task<Result<>> Responses(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/v1/responses", app::Shape::kInput});
}

}  // namespace

void AddChat(Door& door) {
  const auto doc = [](std::string summary) { return Doc{std::move(summary), "OpenAI", {}, "application/json"}; };
  door.Raw(http::Method::kPost, "/v1/chat/completions", doc("Answer a conversation; with stream, as events"), Chat);
  door.Raw(http::Method::kPost, "/v1/completions", doc("Go on with a text; with stream, as events"), Completion);
  door.Raw(http::Method::kPost, "/v1/responses", doc("Answer a conversation, in the form of Responses"), Responses);
}

}  // namespace hostler::api::openai
