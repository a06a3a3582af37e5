// The voices of a model that speaks: their names, and how a request names one or a mixture of several.
//
// Plain values; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engines/sherpa/families.h"
#include "wire/wire.h"

namespace hostler::sherpa {

// One part of a mixture; `speaker` is the library's number (sid).
struct Part {
  int speaker = 0;
  double weight = 1;  // of all parts together: 1
  friend bool operator==(const Part&, const Part&) = default;
};

// The voices of `speakers` speakers, in the library's order, named by the model's own metadata, by piper's NAME.onnx.json beside
// the graph, by kokoro's published order, or by their numbers.
[[nodiscard]] std::vector<wire::Voice> NameVoices(const Plan& plan, int speakers);

// "af_heart", "3" or "af_heart(2)+am_adam(1)": one part for each voice that is named, normalised. kNotFound names the nearest.
[[nodiscard]] Result<std::vector<Part>> ParseVoice(std::string_view spec, const std::vector<wire::Voice>& voices);

// What kokoro has to be told to read a language (BCP 47): espeak-ng's name of it, or nothing where the model's own way of reading
// is better (its lexicons). Languages that are no voice's go through as they are.
[[nodiscard]] std::string KokoroLanguage(std::string_view language);

// "en-us" -> "en".
[[nodiscard]] std::string PrimaryLanguage(std::string_view language);

}  // namespace hostler::sherpa
