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

}  // namespace hostler::engines
