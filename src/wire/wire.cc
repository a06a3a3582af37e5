#include "wire/wire.h"

#include <algorithm>
#include <iterator>

namespace hostler::wire {

ErrorReply ToReply(const Error& error) {
  ErrorReply reply;
  reply.error.code = error.name.empty() ? std::string(CodeName(error.code)) : error.name;
  reply.error.message = error.message;
  if (!error.remedy.empty()) reply.error.remedy = error.remedy;
  if (!error.field.empty()) reply.error.field = error.field;
  return reply;
}

namespace {

constexpr Code kCodes[] = {Code::kInvalid,     Code::kNotFound,  Code::kConflict,    Code::kTooLarge,
                           Code::kUnsupported, Code::kForbidden, Code::kUnavailable, Code::kBusy,
                           Code::kTimeout,     Code::kCancelled, Code::kUpstream,    Code::kInternal};

}  // namespace

Error FromReply(unsigned status, const ErrorReply& reply) {
  Error error;
  error.code = Code::kUpstream;
  // The name says more than the status: two codes share 400.
  const auto named =
      std::find_if(std::begin(kCodes), std::end(kCodes), [&](Code code) { return reply.error.code == CodeName(code); });
  const auto numbered =
      std::find_if(std::begin(kCodes), std::end(kCodes), [&](Code code) { return status < 500 && status == StatusOf(code); });
  if (named != std::end(kCodes))
    error.code = *named;
  else if (numbered != std::end(kCodes))
    error.code = *numbered;
  else if (reply.error.code == "out_of_memory")
    error.code = Code::kUnavailable;
  error.message = reply.error.message;
  error.remedy = reply.error.remedy.value_or("");
  error.field = reply.error.field.value_or("");
  if (reply.error.code != CodeName(error.code)) error.name = reply.error.code;
  return error;
}

unsigned StatusOf(Code code) {
  switch (code) {
    case Code::kInvalid: return 400;
    case Code::kForbidden: return 403;
    case Code::kNotFound: return 404;
    case Code::kConflict: return 409;
    case Code::kTooLarge: return 413;
    case Code::kUnsupported: return 400;
    case Code::kBusy: return 429;
    case Code::kCancelled: return 499;
    case Code::kUpstream: return 502;
    case Code::kUnavailable: return 503;
    case Code::kTimeout: return 504;
    case Code::kInternal: return 500;
  }
  return 500;
}

}  // namespace hostler::wire
