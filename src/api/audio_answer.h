// A use case's audio, written to the exchange as it comes.
#pragma once

#include "app/sink.h"
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

}  // namespace hostler::api
