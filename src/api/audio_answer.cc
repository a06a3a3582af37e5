#include "api/audio_answer.h"

#include "base/text.h"
#include "wire/wire.h"

namespace hostler::api {

Task<> AudioAnswer::Begin(const app::Stream& stream) {
  http::Headers headers{{"Content-Type", stream.content_type}, {"X-Hostler-Model", PercentEncode(stream.model)}};
  if (!stream.voice.empty()) headers.Set("X-Hostler-Voice", PercentEncode(stream.voice));
  if (stream.sample_rate > 0) {
    headers.Set(wire::kSampleRateHeader, std::to_string(stream.sample_rate));
    headers.Set(wire::kChannelsHeader, std::to_string(stream.channels));
  }
  co_await exchange_.Start(200, std::move(headers), stream.length);
}

Task<> AudioAnswer::Write(std::string_view bytes) {
  co_await exchange_.Write(bytes);
}

Task<> AudioAnswer::Finish() {
  co_await exchange_.Finish();
}

}  // namespace hostler::api
