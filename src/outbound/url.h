// The parts of an http(s) address that decide who may see a token. Never re-encodes anything.
//
// Plain values and functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hostler::outbound {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string user;    // with password, as written; empty: none
  std::string host;    // lower case; [::1] with its brackets
  int port = 0;        // as written, or the scheme's own
  std::string target;  // from the first "/" or "?" on, without fragment; "/" if there is none
  // Same scheme, host and port.
  [[nodiscard]] bool SameOrigin(const Url& other) const;
  [[nodiscard]] std::string Origin() const;  // "https://host" or "http://host:8080"
  [[nodiscard]] std::string Text() const;
};

// Nullopt for what is no absolute http or https address, or has blanks, control or non-ASCII characters in it.
[[nodiscard]] std::optional<Url> ParseUrl(std::string_view text);

// The address that a Location (or a Link) means when `base` gave it: absolute, "//host/x", "/x", "?q", "x/y".
[[nodiscard]] std::optional<Url> Follow(const Url& base, std::string_view location);

}  // namespace hostler::outbound
