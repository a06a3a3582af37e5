// What a request for speech says, as JSON or as a form for cloning.
//
// Pure functions; CloneRequestOf blocks where the recording lies in a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/speak.h"
#include "base/json.h"
#include "http/multipart.h"

namespace hostler::api::openai {

struct SpeechBody {
  std::optional<std::string> model;
  std::string input;
  std::optional<json::Any> voice;  // a name, a blend `id(weight)+id(weight)`, or {"id": name}
  std::optional<std::string> response_format;
  std::optional<double> speed;
  std::optional<std::string> instructions;
  std::optional<std::string> language;
  std::optional<std::string> stream_format;     // "audio", "sse"
  std::optional<std::string> input_type;        // "text", "ssml"
  std::optional<double> pitch;                  // hostler's own: -1 to 1
  std::optional<double> volume;                 // hostler's own: 0 to 2
  std::optional<std::string> voice_design;      // hostler's own: what the voice is like
  std::optional<std::string> reference_audio;   // hostler's own: a recording to speak like, any format, in base64; or:
  std::optional<std::string> sample;            // … the name of one in samples/
  std::optional<std::string> clone_transcript;  // … and what is said in it
};
BOOST_DESCRIBE_STRUCT(SpeechBody, (),
                      (model, input, voice, response_format, speed, instructions, language, stream_format, input_type, pitch,
                       volume, voice_design, reference_audio, sample, clone_transcript))

// The form of POST /v1/audio/speech/clone (spec/voice.md section 4.3), as documentation.
struct CloneForm {
  std::string input;
  std::optional<std::string> model;
  std::optional<std::string> reference_audio;    // a file, any format
  std::optional<std::string> voice_library_ref;  // the name of one in samples/; used without a file only
  std::optional<std::string> transcript;         // what is said in it
  std::optional<std::string> voice;              // passed over: the recording is the voice
  std::optional<double> speed;
  std::optional<std::string> response_format;
  std::optional<std::string> language;
};
BOOST_DESCRIBE_STRUCT(CloneForm, (),
                      (input, model, reference_audio, voice_library_ref, transcript, voice, speed, response_format, language))

enum class StreamFormat { kAudio, kSse };

struct AskedSpeech {
  app::SpeechRequest request;
  StreamFormat stream = StreamFormat::kAudio;
  std::vector<std::string> ignored;  // fields that nobody here knows
};

[[nodiscard]] Result<AskedSpeech> AskedIn(SpeechBody body);
[[nodiscard]] Result<AskedSpeech> AskedIn(http::Form& form);

}  // namespace hostler::api::openai
