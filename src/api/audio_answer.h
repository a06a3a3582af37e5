// A use case's audio, written to the exchange as it comes: as bytes, or as server-sent events.
#pragma once

#include "app/sink.h"
#include "base/result.h"
#include "http/server.h"

namespace hostler::api {

class AudioAnswer : public app::ByteSink {
 public:
  explicit AudioAnswer(http::Exchange& exchange) : exchange_(exchange) {}
  Task<> Begin(const app::Stream& stream) override;
  Task<> Write(std::string_view bytes) override;
  // After the use case succeeded.
  Task<> Finish();

 private:
  http::Exchange& exchange_;
};

// OpenAI's `stream_format: "sse"`: speech.audio.delta with base64, then speech.audio.done.
class EventAnswer : public app::ByteSink {
 public:
  explicit EventAnswer(http::Exchange& exchange) : exchange_(exchange) {}
  Task<> Begin(const app::Stream& stream) override;
  Task<> Write(std::string_view bytes) override;
  // With what the use case returned. An error after the beginning becomes an event, too: the bytes before it are good.
  Task<Result<>> End(Result<> spoken);

 private:
  http::Exchange& exchange_;
};

}  // namespace hostler::api
