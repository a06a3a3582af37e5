#include "base/rate.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace hostler {
namespace {

constexpr double kMost = 1e15;  // bytes per second; beyond it a number is a slip of the hand

std::unexpected<Error> NoRate(std::string_view text) {
  return Fail(Code::kInvalid, "\"" + Clip(text, 100) + "\" is no rate",
              "Write bytes per second as 500k, 20M or 1.5G; 0 or off means no limit.");
}

std::optional<double> Unit(std::string_view suffix) {
  if (suffix.empty()) return 1;
  switch (suffix[0]) {
    case 'k':
    case 'K': return 1e3;
    case 'm':
    case 'M': return 1e6;
    case 'g':
    case 'G': return 1e9;
    default: return std::nullopt;
  }
}

// "08:30" -> 510; 24:00 is allowed.
std::optional<int> MinuteOfDay(std::string_view text) {
  text = Trim(text);
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  int hour = 0;
  int minute = 0;
  if (std::from_chars(text.data(), text.data() + 2, hour).ptr != text.data() + 2) return std::nullopt;
  if (std::from_chars(text.data() + 3, text.data() + 5, minute).ptr != text.data() + 5) return std::nullopt;
  const int total = hour * 60 + minute;
  if (hour < 0 || minute < 0 || minute > 59 || total > 24 * 60) return std::nullopt;
  return total;
}

}  // namespace

Result<std::uint64_t> ParseRate(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  if (EqualsIgnoringCase(trimmed, "off")) return 0;
  double number = 0;
  const auto [end, error] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) return NoRate(text);
  const std::string_view suffix = trimmed.substr(static_cast<std::size_t>(end - trimmed.data()));
  const auto unit = Unit(suffix);
  const std::string_view rest = suffix.empty() ? suffix : suffix.substr(1);
  if (!unit || !(rest.empty() || EqualsIgnoringCase(rest, "B") || EqualsIgnoringCase(rest, "B/s"))) return NoRate(text);
  const double rate = number * *unit;
  if (rate > kMost || (rate > 0 && rate < 1)) return NoRate(text);
  return static_cast<std::uint64_t>(rate);
}

Result<std::vector<RateSpan>> ParseRateSchedule(std::string_view text) {
  std::vector<RateSpan> spans;
  if (Trim(text).empty()) return spans;
  for (const std::string_view part : Split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::size_t dash = part.find('-');
    if (equals == std::string_view::npos || dash == std::string_view::npos || dash > equals) {
      return Fail(Code::kInvalid, "\"" + Clip(Trim(part), 100) + "\" is no part of a schedule",
                  "Write FROM-TO=RATE, several with commas: 08:00-18:00=2M, 23:00-06:00=off.");
    }
    const auto from = MinuteOfDay(part.substr(0, dash));
    const auto to = MinuteOfDay(part.substr(dash + 1, equals - dash - 1));
    if (!from || !to || *from == *to) {
      return Fail(Code::kInvalid, "\"" + Clip(Trim(part.substr(0, equals)), 100) + "\" is no span of a day",
                  "Write two different times as HH:MM-HH:MM.");
    }
    HOSTLER_TRY(const std::uint64_t rate, ParseRate(part.substr(equals + 1)));
    spans.push_back({*from, *to, rate});
  }
  return spans;
}

std::uint64_t RateAt(const std::vector<RateSpan>& spans, int minute_of_day, std::uint64_t otherwise) {
  for (const RateSpan& span : spans) {
    const bool over_midnight = span.to <= span.from;
    const bool inside = over_midnight ? minute_of_day >= span.from || minute_of_day < span.to
                                      : minute_of_day >= span.from && minute_of_day < span.to;
    if (inside) return span.bytes_per_second;
  }
  return otherwise;
}

}  // namespace hostler
