// All doors in one: every dialect's routes behind the guard, counted.
//
// Owner: hostlerd. Built once, then read only; the handler runs on any loop of the house.
#pragma once

#include <memory>

#include "app/house.h"
#include "http/server.h"

namespace hostler::api {

// What the daemon answers with. `house` must outlive it.
[[nodiscard]] http::Handler MakeApi(app::House& house);

}  // namespace hostler::api
