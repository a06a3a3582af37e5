#include "api/audio_answer.h"

#include "api/door.h"
#include "api/errors.h"
#include "base/text.h"
#include "http/sse.h"
#include "wire/wire.h"

namespace hostler::api {
namespace {

struct AudioDelta {
  std::string type = "speech.audio.delta";
  std::string audio;  // base64
};
BOOST_DESCRIBE_STRUCT(AudioDelta, (), (type, audio))
struct AudioDone {
  std::string type = "speech.audio.done";
};
BOOST_DESCRIBE_STRUCT(AudioDone, (), (type))
struct AudioError {
  std::string type = "error";
  ErrorBody error;
};
BOOST_DESCRIBE_STRUCT(AudioError, (), (type, error))

http::Headers HeadersOf(const app::Stream& stream) {
  http::Headers headers{{"Content-Type", stream.content_type}, {"X-Hostler-Model", PercentEncode(stream.model)}};
  if (!stream.voice.empty()) headers.Set("X-Hostler-Voice", PercentEncode(stream.voice));
  if (stream.sample_rate > 0) {
    headers.Set(wire::kSampleRateHeader, std::to_string(stream.sample_rate));
    headers.Set(wire::kChannelsHeader, std::to_string(stream.channels));
  }
  return headers;
}

template <class Event>
std::string Written(const Event& event) {
  return http::FormatSse({{}, {}, json::ToJson(event)});
}

}  // namespace

Task<> AudioAnswer::Begin(const app::Stream& stream) {
  NameIgnored(exchange_, stream.ignored);
  co_await exchange_.Start(200, HeadersOf(stream), stream.length);
}

Task<> AudioAnswer::Write(std::string_view bytes) {
  co_await exchange_.Write(bytes);
}

Task<> AudioAnswer::Finish() {
  co_await exchange_.Finish();
}

Task<> EventAnswer::Begin(const app::Stream& stream) {
  NameIgnored(exchange_, stream.ignored);
  http::Headers headers = HeadersOf(stream);
  headers.Set("X-Hostler-Audio-Type", stream.content_type);
  headers.Set("Content-Type", "text/event-stream");
  headers.Set("Cache-Control", "no-cache");
  co_await exchange_.Start(200, std::move(headers));
}

Task<> EventAnswer::Write(std::string_view bytes) {
  const std::string event = Written(AudioDelta{.audio = Base64Encode(bytes)});
  co_await exchange_.Write(event);
}

Task<Result<>> EventAnswer::End(Result<> spoken) {
  if (!spoken && !exchange_.started()) co_return spoken;
  const std::string event = spoken ? Written(AudioDone{}) : Written(AudioError{.error = EnvelopeOf(spoken.error()).error});
  co_await exchange_.Write(event);
  co_await exchange_.Finish();
  co_return Result<>{};
}

}  // namespace hostler::api
