// Text to speech: the use case behind /v1/audio/speech and the engine dialect's /generate routes.
//
// Threads: any loop of the house.
#pragma once

#include <optional>
#include <string>

#include "app/house.h"
#include "app/reference.h"
#include "app/sink.h"

namespace hostler::app {

struct SpeechRequest {
  model::ModelId model;  // or an alias; empty: the default
  std::string input;
  std::string voice;  // empty: the model's own; OpenAI's names are translated; or a blend: speech/blend.h
  media::Format format = media::Format::kMp3;
  double speed = 1.0;  // 0.25 to 4
  std::optional<std::string> language;
  std::optional<std::string> instructions;
  std::optional<double> pitch;         // -1 to 1
  std::optional<double> volume;        // 0 to 2
  bool ssml = false;                   // `input` has marks: speech/ssml.h
  std::optional<Reference> reference;  // speak like it; or
  std::optional<std::string> design;   // speak with the voice that this describes
  bool whole = false;                  // collect everything first: the length is known and a WAV has its right sizes
};

// Too long, blank or not UTF-8. `field` is how the caller's request names the text.
[[nodiscard]] Result<> CheckText(const config::Config& config, const std::string& text, std::string_view field);

// Speaks into `sink`, which is told what of the request the model has no use for. An error before sink.Begin is the answer; one
// after it means that the stream is not whole.
[[nodiscard]] Task<Result<>> Speak(House& house, SpeechRequest request, ByteSink& sink);

// Raw PCM or a WAV from any of the three ways to generate, for the engine dialect.
struct GenerateRequest {
  model::ModelId model;
  std::variant<wire::ControlRequest, wire::CloneRequest, wire::DesignRequest> request;
  bool wav = false;  // a whole WAV; else raw PCM as it comes
};
[[nodiscard]] Task<Result<>> Generate(House& house, GenerateRequest request, ByteSink& sink);

}  // namespace hostler::app
