// The fields of the hub's answers that need reading. Internal to this room and its fuzz targets.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "outbound/outbound.h"

namespace hostler::hub {

// The address of `<…>; rel="next"`; nullopt if there is none.
[[nodiscard]] std::optional<std::string> NextLink(std::string_view link);

struct ContentRange {  // `bytes 10-19/100` is [10, 20) of 100
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::optional<std::uint64_t> total;  // `*`: not told
  friend bool operator==(const ContentRange&, const ContentRange&) = default;
};
[[nodiscard]] std::optional<ContentRange> ParseContentRange(std::string_view value);

// Digits only, within 2^63.
[[nodiscard]] std::optional<std::uint64_t> ParseSize(std::string_view value);

// `W/"abc"`, `"abc"` and `abc` are abc.
[[nodiscard]] std::string_view BareEtag(std::string_view value);

// Seconds that a 429 or 503 asks to wait: RateLimit's `t` if its `r` is 0, else Retry-After in seconds. Nullopt: it does not say.
[[nodiscard]] std::optional<double> WaitAsked(const outbound::Fields& fields);

}  // namespace hostler::hub
