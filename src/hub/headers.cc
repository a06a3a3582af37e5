#include "hub/headers.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "base/text.h"

namespace hostler::hub {
namespace {

// One entry of a Link field: the address and whether its rel has the word `next`. Moves `text` behind it.
std::optional<std::pair<std::string_view, bool>> TakeLink(std::string_view& text) {
  const std::size_t open = text.find('<');
  if (open == text.npos) return std::nullopt;
  const std::size_t close = text.find('>', open);
  if (close == text.npos) return std::nullopt;
  const std::string_view address = text.substr(open + 1, close - open - 1);
  std::size_t end = close + 1;
  bool quoted = false;
  while (end < text.size() && (quoted || text[end] != ',')) quoted ^= text[end++] == '"';
  const std::string_view parameters = text.substr(close + 1, end - close - 1);
  text.remove_prefix(std::min(end + 1, text.size()));
  bool next = false;
  for (std::string_view parameter : Split(parameters, ';')) {
    parameter = Trim(parameter);
    const std::size_t equals = parameter.find('=');
    if (equals == parameter.npos || !EqualsIgnoringCase(Trim(parameter.substr(0, equals)), "rel")) continue;
    std::string_view value = Trim(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    for (const std::string_view word : Split(value, ' ')) next |= EqualsIgnoringCase(word, "next");
  }
  return std::pair{address, next};
}

// The number of `;name=12` in a structured field.
std::optional<std::uint64_t> Parameter(std::string_view value, std::string_view name) {
  for (std::string_view part : Split(value, ';')) {
    part = Trim(part);
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=')
      return ParseSize(part.substr(name.size() + 1));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> NextLink(std::string_view link) {
  while (const auto entry = TakeLink(link)) {
    if (entry->second && !entry->first.empty()) return std::string(entry->first);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ParseSize(std::string_view value) {
  std::uint64_t size = 0;
  if (value.empty() || value.front() < '0' || value.front() > '9') return std::nullopt;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), size);
  if (ec != std::errc() || end != value.data() + value.size()) return std::nullopt;
  if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return size;
}

std::optional<ContentRange> ParseContentRange(std::string_view value) {
  value = Trim(value);
  if (value.size() < 6 || !EqualsIgnoringCase(value.substr(0, 6), "bytes ")) return std::nullopt;
  value = Trim(value.substr(6));
  const std::size_t dash = value.find('-');
  const std::size_t slash = value.find('/');
  if (dash == value.npos || slash == value.npos || dash > slash) return std::nullopt;
  const auto from = ParseSize(value.substr(0, dash));
  const auto last = ParseSize(value.substr(dash + 1, slash - dash - 1));
  if (!from || !last || *last < *from) return std::nullopt;
  ContentRange range{*from, *last + 1, std::nullopt};
  if (const std::string_view total = value.substr(slash + 1); total != "*") {
    range.total = ParseSize(total);
    if (!range.total || *range.total < range.to) return std::nullopt;
  }
  return range;
}

std::string_view BareEtag(std::string_view value) {
  value = Trim(value);
  if (value.starts_with("W/")) value.remove_prefix(2);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return value;
}

std::optional<double> WaitAsked(const outbound::Fields& fields) {
  const std::string_view limit = outbound::Get(fields, "RateLimit");
  if (Parameter(limit, "r") == 0) {
    if (const auto seconds = Parameter(limit, "t")) return static_cast<double>(*seconds) + 1;
  }
  if (const auto seconds = ParseSize(Trim(outbound::Get(fields, "Retry-After")))) return static_cast<double>(*seconds);
  return std::nullopt;
}

}  // namespace hostler::hub
