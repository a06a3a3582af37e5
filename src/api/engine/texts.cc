// What llama.cpp's clients ask for beside OpenAI's routes.
#include "api/conversation.h"
#include "api/engine/routes.h"

namespace hostler::api::engine {
namespace {

Task<Result<>> Tokenize(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/tokenize", app::Shape::kNone, true});
}

Task<Result<>> Detokenize(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/detokenize", app::Shape::kNone, true});
}

Task<Result<>> ApplyTemplate(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/apply-template", app::Shape::kMessages});
}

Task<Result<>> Infill(app::House& house, http::Exchange& exchange) {
  return Converse(house, exchange, {"/infill", app::Shape::kNone});
}

}  // namespace

void AddTexts(Door& door) {
  const auto doc = [](std::string summary) { return Doc{std::move(summary), "Engine", {}, "application/json"}; };
  door.Raw(http::Method::kPost, "/tokenize", doc("The tokens of a text"), Tokenize);
  door.Raw(http::Method::kPost, "/detokenize", doc("The text of tokens"), Detokenize);
  door.Raw(http::Method::kPost, "/apply-template", doc("A conversation as the model reads it"), ApplyTemplate);
  door.Raw(http::Method::kPost, "/infill", doc("Fill the gap in a text, by models that were taught to"), Infill);
}

}  // namespace hostler::api::engine
