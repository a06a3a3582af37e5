// The one table from errors to HTTP answers, and the envelope every door uses:
//   {"error":{"message","type","param","code","remedy"}}        (spec/voice.md section 1, with OpenAI's four keys)
//
// Pure functions; any thread.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "http/http.h"

namespace hostler::api {

struct ErrorBody {
  std::string message;
  std::string type;                   // "invalid_request_error" or "server_error"
  json::Nullable<std::string> param;  // path of the field
  std::string code;                   // "not_found", "provider_missing", …
  std::string remedy;
};
BOOST_DESCRIBE_STRUCT(ErrorBody, (), (message, type, param, code, remedy))

struct ErrorEnvelope {
  ErrorBody error;
};
BOOST_DESCRIBE_STRUCT(ErrorEnvelope, (), (error))

[[nodiscard]] unsigned StatusOf(const Error& error);
[[nodiscard]] ErrorEnvelope EnvelopeOf(const Error& error);
[[nodiscard]] http::Response ErrorResponse(const Error& error);
// With the status given: for errors that the HTTP server itself found.
[[nodiscard]] http::Response ErrorResponseWithStatus(unsigned status, const Error& error);

}  // namespace hostler::api
