#include "engines/call.h"

namespace hostler::engines {

Error ErrorOfReply(unsigned status, std::string_view body) {
  if (const auto reply = json::Parse<wire::ErrorReply>(body, json::Unknown::kIgnore)) return wire::FromReply(status, *reply);
  return Error{Code::kUpstream,
               fmt::format("the engine answered with status {} and no reason", status),
               "Look at `hostler logs`.",
               {},
               {}};
}

void NameEngine(Error& error, const http::Endpoint& endpoint, const std::string& model) {
  const std::string address = endpoint.Text();
  if (const std::size_t at = error.message.find(address); at != std::string::npos) {
    error.message.replace(at, address.size(), fmt::format("the engine of \"{}\"", model));
  }
}

}  // namespace hostler::engines
