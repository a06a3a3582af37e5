// The form of a transcription, read from multipart and from the query.
//
// Pure functions; any thread. A large file lies on the disk: reading it blocks, so use a pool.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/transcribe.h"
#include "http/multipart.h"

namespace hostler::api::openai {

// The form as documentation.
struct TranscriptionForm {
  std::string file;
  std::optional<std::string> model;
  std::optional<std::string> language;
  std::optional<std::string> prompt;
  std::optional<std::string> response_format;
  std::optional<double> temperature;
  std::optional<std::vector<std::string>> timestamp_granularities;
  std::optional<bool> stream;
  // hostler's own:
  std::optional<std::string> grammar;  // JSGF
  std::optional<bool> vad;             // leave silence out before listening
  std::optional<bool> diarize;         // who said what; also as ?diarize=true
  std::optional<std::string> diarization_model;
  std::optional<int> speakers;  // how many there are
};
BOOST_DESCRIBE_STRUCT(TranscriptionForm, (),
                      (file, model, language, prompt, response_format, temperature, timestamp_granularities, stream, grammar, vad,
                       diarize, diarization_model, speakers))

enum class Shape { kJson, kText, kSrt, kVtt, kVerboseJson, kDiarizedJson };
BOOST_DESCRIBE_ENUM(Shape, kJson, kText, kSrt, kVtt, kVerboseJson, kDiarizedJson)

struct AskedTranscript {
  app::TranscriptionRequest request;
  app::DiarizationRequest speakers;
  Shape shape = Shape::kJson;
  bool stream = false;
  bool diarize = false;
  double temperature = 0;
  std::vector<std::string> ignored;  // names of fields that mean nothing here
};

[[nodiscard]] Result<AskedTranscript> ReadTranscriptionForm(http::Form& form, const http::Query& query);

}  // namespace hostler::api::openai
