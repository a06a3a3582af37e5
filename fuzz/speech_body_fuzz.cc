// Requests for speech as strangers write them: understood, or refused with a field that stands in the request's own words, a
// message and a remedy.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/errors.h"
#include "api/openai/speech_body.h"
#include "base/text.h"
#include "speech/blend.h"

using namespace hostler;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequireClear(const Error& error) {
  Require(!error.message.empty() && !api::EnvelopeOf(error).error.remedy.empty());
  const unsigned status = api::StatusOf(error);
  Require(status == 400 || status == 422);
  Require(Utf8Length(api::ErrorResponse(error).body).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto body = json::Parse<api::openai::SpeechBody>(text, json::Unknown::kIgnore);
  if (!body) {
    RequireClear(body.error());
    return 0;
  }
  const auto asked = api::openai::AskedIn(*std::move(body));
  if (!asked) {
    RequireClear(asked.error());
    return 0;
  }
  const auto shares = speech::ParseBlend(asked->request.voice);
  if (!shares) {
    RequireClear(shares.error());
    return 0;
  }
  // What is understood and written down is understood again.
  const auto again = speech::ParseBlend(speech::FormatBlend(*shares));
  Require(again && again->size() == shares->size());
  return 0;
}
