// Passes a request on to another server and its answer back: bodies as they come, in both directions, in bounded memory; a
// chunked answer byte for byte, without taking its framing off and putting it on again.
//
// Owner: the handler of the exchange. Threads: the loop of the exchange, which is the client's too.
#pragma once

#include <string>

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

}  // namespace hostler::http
