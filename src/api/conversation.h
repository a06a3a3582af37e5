// Routes whose requests an engine answers in the client's own dialect: the body is looked at, not changed, and the answer is
// passed back as it comes.
//
// Handlers run on the connection's loop.
#pragma once

#include <string>

#include "api/door.h"
#include "app/chat.h"

namespace hostler::api {

struct Passage {
  std::string route;  // of the engine
  app::Shape shape = app::Shape::kNone;
  bool tokens_only = false;  // any model that reads texts can do it
};

// An error that is returned after exchange.started() means that the answer is not whole.
[[nodiscard]] Task<Result<>> Converse(app::House& house, http::Exchange& exchange, Passage passage);

}  // namespace hostler::api
