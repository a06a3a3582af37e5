// Passes a request on to another server and its answer back: bodies as they come, in both directions, in bounded memory; a
// chunked answer byte for byte, without taking its framing off and putting it on again.
//
// Owner: the handler of the exchange. Threads: the loop of the exchange, which is the client's too.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "http/client.h"
#include "http/server.h"

namespace hostler::http {

struct RelayTo {
  Endpoint endpoint;
  std::string target;  // path and query there
};

// Fields about the connection, who the client is (Authorization, Cookie) and where the answer may be used (Access-Control-*)
// stay behind. Errors: as of Client::Open. If exchange.started() then, the answer is not whole: the caller cuts it.
[[nodiscard]] Task<Result<>> Relay(Exchange& exchange, Client& client, RelayTo to);

// The second half of it: an answer that is there, passed back as it comes. `change`, if given, gets each piece of the body and
// returns what goes on instead, valid until its next call; it gets an empty one at the end.
using Change = std::function<std::string_view(std::string_view)>;
[[nodiscard]] Task<Result<>> PassBack(Exchange& exchange, Reply& reply, const Change& change = {});

}  // namespace hostler::http
