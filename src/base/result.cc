#include "base/result.h"

namespace hostler {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kInvalid: return "bad_request";
    case Code::kNotFound: return "not_found";
    case Code::kConflict: return "conflict";
    case Code::kTooLarge: return "too_large";
    case Code::kUnsupported: return "unsupported";
    case Code::kForbidden: return "forbidden";
    case Code::kUnavailable: return "unavailable";
    case Code::kBusy: return "busy";
    case Code::kTimeout: return "timeout";
    case Code::kCancelled: return "cancelled";
    case Code::kUpstream: return "engine_failed";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

std::string Error::Text() const {
  std::string text = field.empty() ? message : field + ": " + message;
  if (!remedy.empty()) {
    if (!text.ends_with('.') && !text.ends_with('?') && !text.ends_with('!')) text += '.';
    text += ' ';
    text += remedy;
  }
  return text;
}

}  // namespace hostler
