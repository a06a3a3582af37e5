#include "outbound/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace hostler::outbound {
namespace {

bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '\\'; });
}

bool IsHost(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 2 && host.ends_with(']') && host.find_first_not_of("0123456789abcdefABCDEF:.", 1) == host.size() - 1;
  }
  return !host.empty() && host.find_first_of("[]:/?#@<>\"'`{}|^%") == host.npos;
}

int OwnPort(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

// "." and ".." of a relative address, as RFC 3986 takes them away; only the path is touched.
std::string MergePath(std::string_view base_path, std::string_view relative) {
  const std::size_t query = relative.find('?');
  const std::string_view rest = query == relative.npos ? std::string_view{} : relative.substr(query);
  std::string joined(base_path.substr(0, base_path.rfind('/') + 1));
  joined += relative.substr(0, query);
  std::vector<std::string_view> kept;
  const std::vector<std::string_view> parts = Split(std::string_view(joined).substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (parts[i] != ".") {
      kept.push_back(parts[i]);
      continue;
    }
    if (last) kept.emplace_back();
  }
  std::string path;
  for (const std::string_view part : kept) path.append("/").append(part);
  if (path.empty()) path = "/";
  return path.append(rest);
}

}  // namespace

bool Url::SameOrigin(const Url& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

std::string Url::Origin() const {
  return port == OwnPort(scheme) ? fmt::format("{}://{}", scheme, host) : fmt::format("{}://{}:{}", scheme, host, port);
}

std::string Url::Text() const {
  if (user.empty()) return Origin() + target;
  return scheme + "://" + user + "@" + Origin().substr(scheme.size() + 3) + target;
}

std::optional<Url> ParseUrl(std::string_view text) {
  if (text.size() > 16384 || !IsPlain(text)) return std::nullopt;
  const std::size_t colon = text.find("://");
  if (colon == text.npos) return std::nullopt;
  Url url;
  url.scheme = Lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    url.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  url.port = OwnPort(url.scheme);
  const std::size_t bracket = authority.rfind(']');
  const std::size_t port = authority.find(':', bracket == authority.npos ? 0 : bracket);
  if (port != authority.npos) {
    const std::string_view digits = authority.substr(port + 1);
    if (!digits.empty()) {
      const auto [stop, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
      if (ec != std::errc() || stop != digits.data() + digits.size() || url.port < 1 || url.port > 65535) return std::nullopt;
    }
    authority = authority.substr(0, port);
  }
  if (!IsHost(authority)) return std::nullopt;
  url.host = Lower(authority);
  return url;
}

std::optional<Url> Follow(const Url& base, std::string_view location) {
  if (location.empty() || location.size() > 16384 || !IsPlain(location)) return std::nullopt;
  if (location.starts_with("//")) return ParseUrl(base.scheme + ":" + std::string(location));
  const std::size_t colon = location.find(':');
  if (colon != location.npos && colon < location.find_first_of("/?#")) return ParseUrl(location);
  Url url = base;
  location = location.substr(0, location.find('#'));
  const std::string_view base_path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (location.empty()) return url;
  if (location.starts_with('/')) {
    url.target = location;
  } else if (location.starts_with('?')) {
    url.target = std::string(base_path) + std::string(location);
  } else {
    url.target = MergePath(base_path, location);
  }
  return url;
}

}  // namespace hostler::outbound
