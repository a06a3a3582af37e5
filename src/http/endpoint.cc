#include <charconv>

#include <fmt/format.h>

#include "http/client.h"

namespace hostler::http {

namespace {

Result<Endpoint> BadEndpoint(std::string_view url, std::string_view why) {
  return Fail(Code::kInvalid, fmt::format("\"{}\" is not an address: {}", url, why),
              "Write http://HOST:PORT, or unix:/PATH for a Unix socket");
}

}  // namespace

Result<Endpoint> Endpoint::Parse(std::string_view url) {
  Endpoint endpoint;
  if (url.starts_with("unix:")) {
    endpoint.unix_path = url.substr(5);
    if (endpoint.unix_path.starts_with("//")) endpoint.unix_path.erase(0, 2);
    if (!endpoint.unix_path.starts_with('/')) return BadEndpoint(url, "the path of a Unix socket must be absolute");
    return endpoint;
  }
  if (url.starts_with("https://")) return BadEndpoint(url, "TLS is not spoken here");
  if (!url.starts_with("http://")) return BadEndpoint(url, "it does not begin with http:// or unix:");
  std::string_view rest = url.substr(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@ ") != std::string_view::npos) return BadEndpoint(url, "it has more than a host and a port");
  std::size_t colon = rest.rfind(':');
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return BadEndpoint(url, "the bracket is not closed");
    endpoint.host = rest.substr(1, end - 1);
    colon = end + 1 == rest.size() ? std::string_view::npos : end + 1;
    if (colon != std::string_view::npos && rest[colon] != ':') return BadEndpoint(url, "something follows the bracket");
  } else {
    endpoint.host = rest.substr(0, colon);
  }
  if (endpoint.host.empty()) return BadEndpoint(url, "the host is missing");
  endpoint.port = 80;
  if (colon == std::string_view::npos) return endpoint;
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (ec != std::errc() || end != port.data() + port.size() || endpoint.port == 0)
    return BadEndpoint(url, "the port is not a number from 1 to 65535");
  return endpoint;
}

std::string Endpoint::Text() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  return host.find(':') == std::string::npos ? fmt::format("http://{}:{}", host, port)
                                             : fmt::format("http://[{}]:{}", host, port);
}

}  // namespace hostler::http
