#include "api/errors.h"

#include "base/text.h"
#include "wire/wire.h"

namespace hostler::api {

unsigned StatusOf(const Error& error) {
  if (error.name == "validation_error") return 422;
  if (error.name == "unsupported_media_type") return 415;
  if (error.name == "load_failed" && error.code == Code::kUpstream) return 500;  // spec/voice.md section 2.2
  return wire::StatusOf(error.code);
}

namespace {

// For errors whose own place knew nothing better: no answer leaves without a way on.
std::string_view UsualRemedy(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kUnsupported: return "Change the request; /openapi.json describes it.";
    case Code::kNotFound: return "/openapi.json lists the routes, /models the models.";
    case Code::kConflict: return "Look at /models, then try again.";
    case Code::kTooLarge: return "Send less, or in several requests.";
    case Code::kForbidden: return "Ask from this machine, or change the configuration.";
    case Code::kUnavailable:
    case Code::kBusy:
    case Code::kTimeout:
    case Code::kCancelled: return "Try again later.";
    case Code::kUpstream: return "`hostler logs` and `hostler crashes` show what the engine said.";
    case Code::kInternal: return "This is a bug in hostler; `hostler logs` shows more.";
  }
  return "";
}

}  // namespace

// Errors quote what was sent, and megabytes may have been sent.
constexpr std::size_t kLongestMessage = 2000;  // bytes
constexpr std::size_t kLongestPath = 300;

ErrorEnvelope EnvelopeOf(const Error& error) {
  ErrorEnvelope envelope;
  envelope.error.message = Clip(error.message, kLongestMessage);
  envelope.error.type = StatusOf(error) < 500 ? "invalid_request_error" : "server_error";
  if (!error.field.empty()) envelope.error.param = Clip(error.field, kLongestPath);
  envelope.error.code = error.name.empty() ? std::string(CodeName(error.code)) : error.name;
  envelope.error.remedy = error.remedy.empty() ? std::string(UsualRemedy(error.code)) : Clip(error.remedy, kLongestMessage);
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
