// Who may talk to a daemon that has no accounts: programs on this machine, and web pages only if they are its own.
//
// A page of another site can make a browser send requests to 127.0.0.1, by a form or by a name that it points there (DNS
// rebinding). So the Host must be one of ours, and a request with a foreign Origin is refused. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "http/http.h"

namespace hostler::api {

class Guard {
 public:
  // `hosts`: further names to be answered to; `origins`: further pages that may call ("https://app.example").
  Guard(std::vector<std::string> hosts, std::vector<std::string> origins)
      : hosts_(std::move(hosts)), origins_(std::move(origins)) {}

  // Browsers also say (Sec-Fetch-Site) that a request comes from another site's page where they send no Origin, as for images.
  // kForbidden with the remedy; nothing if the request may pass.
  [[nodiscard]] Result<> Check(const http::Headers& headers) const;
  // The Access-Control fields for a page on a configured origin; empty for all others.
  [[nodiscard]] http::Headers CorsFields(const http::Headers& headers) const;

 private:
  [[nodiscard]] bool KnowsHost(std::string_view host) const;
  [[nodiscard]] bool KnowsOrigin(std::string_view origin) const;
  const std::vector<std::string> hosts_;
  const std::vector<std::string> origins_;
};

}  // namespace hostler::api
