#include "api/form.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::api {
namespace {

constexpr std::uint64_t kLongestText = 1 << 20;  // bytes

std::unexpected<Error> Wrong(std::string message, std::string remedy, std::string field) {
  return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), std::move(field), "validation_error"});
}

bool IsOneOf(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

Result<> CheckText(http::Part part) {  // a copy: Take() may empty it
  const std::string& name = part.head.name;
  if (part.head.has_filename) return Wrong("the field came as a file", "Send it as text, without a file name.", name);
  if (part.size() > kLongestText) return Wrong("the field is longer than 1 MB", "Send less.", name);
  HOSTLER_TRY(const std::string text, part.Take());
  if (Utf8Length(text) && !text.contains('\0')) return {};
  return Wrong("the field is not valid UTF-8 or has a NUL character in it", "Send plain text in UTF-8.", name);
}

}  // namespace

Result<> CheckForm(const http::Form& form, const FormRules& rules, std::vector<std::string>* ignored) {
  std::set<std::string> seen;
  for (const http::Part& part : form.parts) {
    const std::string& name = part.head.name;
    const bool text = IsOneOf(rules.texts, name);
    if (!text && !IsOneOf(rules.files, name)) {
      ignored->push_back(name);
      continue;
    }
    if (!seen.insert(name).second) return Wrong("the field came twice", "Send it once.", name);
    if (text) HOSTLER_OK(CheckText(part));
  }
  return {};
}

Result<std::optional<double>> NumberIn(http::Form& form, const std::string& field) {
  const auto text = form.Value(field);
  if (!text) return std::nullopt;
  double number = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (ec == std::errc() && end == text->data() + text->size() && std::isfinite(number)) return number;
  return Wrong(fmt::format("expected number, got \"{}\"", Clip(*text, 100)), "Send a number.", field);
}

}  // namespace hostler::api
