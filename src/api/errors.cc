#include "api/errors.h"

#include "wire/wire.h"

namespace hostler::api {

unsigned StatusOf(const Error& error) {
  if (error.name == "validation_error") return 422;
  if (error.name == "unsupported_media_type") return 415;
  if (error.name == "load_failed") return 500;  // spec/voice.md section 2.2
  return wire::StatusOf(error.code);
}

ErrorEnvelope EnvelopeOf(const Error& error) {
  ErrorEnvelope envelope;
  envelope.error.message = error.message;
  envelope.error.type = StatusOf(error) < 500 ? "invalid_request_error" : "server_error";
  if (!error.field.empty()) envelope.error.param = error.field;
  envelope.error.code = error.name.empty() ? std::string(CodeName(error.code)) : error.name;
  if (!error.remedy.empty()) envelope.error.remedy = error.remedy;
  return envelope;
}

http::Response ErrorResponseWithStatus(unsigned status, const Error& error) {
  http::Response response = http::JsonResponse(json::ToJson(EnvelopeOf(error)), status);
  if (status == 429 || status == 503) response.headers.Set("Retry-After", "1");
  return response;
}

http::Response ErrorResponse(const Error& error) {
  return ErrorResponseWithStatus(StatusOf(error), error);
}

}  // namespace hostler::api
