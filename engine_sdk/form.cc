#include "engine_sdk/form.h"

namespace hostler::engine_sdk {

bool IsForm(const http::Exchange& exchange) {
  return http::MediaType(exchange.headers().Get("Content-Type")) == "multipart/form-data";
}

Task<Result<AudioForm>> ReadAudioForm(http::Exchange& exchange) {
  http::FormLimits limits;
  limits.total = std::uint64_t{1} << 30;
  HOSTLER_CO_TRY(http::Form form, co_await http::ReadForm(exchange, limits));
  AudioForm result;
  for (http::Part& part : form.parts) {
    if (part.head.name == "request" && result.request.empty()) {
      HOSTLER_CO_TRY(result.request, part.Take());
    } else if (part.head.name == "audio" && !result.audio) {
      result.audio = [shared = std::make_shared<http::Part>(std::move(part))] { return shared->Take(); };
    } else {
      co_return Fail(Error{Code::kInvalid, fmt::format("unexpected part \"{}\"", part.head.name),
                           "Send one part `request` (JSON) and one part `audio` (WAV)."}
                         .At(part.head.name));
    }
  }
  if (result.request.empty()) result.request = "{}";
  co_return result;
}

}  // namespace hostler::engine_sdk
