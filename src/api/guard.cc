#include "api/guard.h"

#include <arpa/inet.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::api {
namespace {

// "name:8100" -> "name", "[::1]:8100" -> "::1"
std::string HostName(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return Lower(host.substr(0, host.rfind(':') == host.find(':') ? host.find(':') : std::string_view::npos));
}

// An address cannot be re-pointed by somebody's name server.
bool IsAddress(const std::string& name) {
  unsigned char buffer[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), buffer) == 1 || inet_pton(AF_INET6, name.c_str(), buffer) == 1;
}

}  // namespace

bool Guard::KnowsHost(std::string_view host) const {
  const std::string name = HostName(host);
  if (name.empty() || IsAddress(name) || name == "localhost" || name.ends_with(".localhost")) return true;
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& known) { return EqualsIgnoringCase(known, name); });
}

bool Guard::KnowsOrigin(std::string_view origin) const {
  return std::any_of(origins_.begin(), origins_.end(),
                     [&](const std::string& known) { return EqualsIgnoringCase(known, origin); });
}

Result<> Guard::Check(const http::Headers& headers) const {
  const std::string_view host = headers.Get("Host");
  if (!KnowsHost(host)) {
    return Fail(Error{Code::kForbidden,
                      fmt::format("hostler does not answer to the name \"{}\"", host),
                      "Use localhost or an address, or add the name to server.allowed_hosts.",
                      "Host",
                      {}});
  }
  const std::string_view origin = headers.Get("Origin");
  if (headers.Count("Origin") > 1) {
    return Fail(Error{Code::kForbidden, "a request comes from one page at most", "Send one Origin field.", "Origin", {}});
  }
  if (origin.empty()) {
    const std::string_view site = headers.Get("Sec-Fetch-Site");
    const bool navigation = headers.Get("Sec-Fetch-Mode") == "navigate";  // a person followed a link
    if (site.empty() || site == "same-origin" || site == "none" || navigation) return {};
    return Fail(Error{Code::kForbidden,
                      "web pages of other sites may not use this server",
                      "Add the page's origin to server.allowed_origins.",
                      "Sec-Fetch-Site",
                      {}});
  }
  if (KnowsOrigin(origin)) return {};
  const std::size_t scheme = origin.find("://");
  if (scheme != std::string_view::npos && !host.empty() && EqualsIgnoringCase(origin.substr(scheme + 3), host)) return {};
  return Fail(Error{Code::kForbidden,
                    fmt::format("web pages on {} may not use this server", origin),
                    "Add the page's origin to server.allowed_origins.",
                    "Origin",
                    {}});
}

http::Headers Guard::CorsFields(const http::Headers& headers) const {
  const std::string_view origin = headers.Get("Origin");
  if (origin.empty() || !KnowsOrigin(origin)) return {};
  return {{"Access-Control-Allow-Origin", std::string(origin)},
          {"Vary", "Origin"},
          {"Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"},
          {"Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID"},
          {"Access-Control-Max-Age", "600"}};
}

}  // namespace hostler::api
