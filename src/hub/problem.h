// What an answer that is no success means. Internal to this room.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "hub/hub.h"

namespace hostler::hub {

struct Asked {
  model::Repo repo;
  std::string page;    // of the repository, for people
  std::string what;    // revision or path
  std::string server;  // who answered, without secrets
  bool with_token = false;
};

// REQUIRES: the status is no 2xx and no redirect. From the hub itself.
[[nodiscard]] Problem FromAnswer(const Asked& asked, const outbound::Head& head, std::string_view body);
// From a server that the hub sent us to.
[[nodiscard]] Problem FromContentServer(const Asked& asked, const outbound::Head& head);
[[nodiscard]] Problem FromFailure(outbound::Failure failure);
[[nodiscard]] Problem NotAHub(std::string what);

}  // namespace hostler::hub
