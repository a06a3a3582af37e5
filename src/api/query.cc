#include "api/query.h"

namespace hostler::api {

Error BadQuery(std::string_view name, std::string message, std::string remedy) {
  return Error{Code::kInvalid, std::move(message), std::move(remedy), std::string(name), "validation_error"};
}

Result<bool> QueryFlag(const http::Query& query, std::string_view name) {
  const auto text = query.Get(name);
  if (!text) return false;
  for (const std::string_view yes : {"true", "1", "yes", "on"}) {
    if (EqualsIgnoringCase(*text, yes)) return true;
  }
  for (const std::string_view no : {"false", "0", "no", "off"}) {
    if (EqualsIgnoringCase(*text, no)) return false;
  }
  return Fail(BadQuery(name, "\"" + Clip(*text, 100) + "\" is neither true nor false", "Send true or false."));
}

Result<std::string> QueryText(const http::Query& query, std::string_view name) {
  auto text = query.Get(name);
  if (!text || Trim(*text).empty())
    return Fail(BadQuery(name, "required parameter is missing", "Add ?" + std::string(name) + "=… to the address."));
  if (text->size() > 300 || !Utf8Length(*text))
    return Fail(BadQuery(name, "it is too long or not UTF-8", "Send at most 300 bytes of UTF-8."));
  return std::move(*text);
}

}  // namespace hostler::api
