// Typed values from a query string. Errors are 422 with the parameter's name.
//
// Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "http/http.h"

namespace hostler::api {

[[nodiscard]] Error BadQuery(std::string_view name, std::string message, std::string remedy);

// true, 1, yes, on; false, 0, no, off; absent: false.
[[nodiscard]] Result<bool> QueryFlag(const http::Query& query, std::string_view name);

// Present and not blank, at most 300 bytes.
[[nodiscard]] Result<std::string> QueryText(const http::Query& query, std::string_view name);

template <class E>
[[nodiscard]] Result<std::optional<E>> QueryEnum(const http::Query& query, std::string_view name) {
  const auto text = query.Get(name);
  if (!text) return std::nullopt;
  const auto value = json::EnumFromName<E>(*text);
  if (value) return value;
  return Fail(
      BadQuery(name, "unknown value \"" + Clip(*text, 100) + "\"", "Use one of: " + Join(json::EnumNames<E>(), ", ") + "."));
}

}  // namespace hostler::api
