#include "api/vectors/texts.h"

#include <algorithm>

namespace hostler::api::vectors {
namespace {

// Numbers, or lists of them.
bool IsTokens(const json::Any& value) {
  const auto* array = value.if_array();
  return array != nullptr && !array->empty() &&
         std::all_of(array->begin(), array->end(), [](const json::Any& item) { return item.is_number() || IsTokens(item); });
}

}  // namespace

Result<std::vector<std::string>> TextsOf(const json::Any& value, const std::string& field) {
  if (IsTokens(value)) {
    return Fail(Error{Code::kUnsupported,
                      "token ids are not understood: every model has its own",
                      "Send the text itself (LangChain for Python: check_embedding_ctx_length=False).",
                      field,
                      {}});
  }
  std::vector<std::string> texts;
  if (value.is_array()) {
    json::DecodeOptions options;
    if (auto done = json::Decode(value, texts, options); !done) {
      done.error().field = field + done.error().field;
      done.error().name = "validation_error";
      return Fail(std::move(done).error());
    }
    return texts;
  }
  json::DecodeOptions options;
  if (auto done = json::Decode(value, texts.emplace_back(), options); !done) {
    Error error = std::move(done).error();
    if (!value.is_string()) error.message = "expected a text or a list of texts";
    return Fail(std::move(error).At(field).Named("validation_error"));
  }
  return texts;
}

}  // namespace hostler::api::vectors
