// Text with marks, of the Speech Synthesis Markup Language what matters to any voice: pauses. `<break time="500ms"/>` and
// `<break strength="strong"/>` become silence, the ends of <p> and <s> ends of lines; other elements are left out and what
// stands in them is spoken. Characters as in XML: &amp; &lt; &#233; …, comments and CDATA.
// Source: W3C, Speech Synthesis Markup Language 1.1, sections 3.1.8 and 3.2.3.
//
// Pure functions; any thread. The text comes from strangers: time and memory grow with its length only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::speech {

struct Stretch {
  std::string text;    // empty: only the pause
  double pause_s = 0;  // of silence after it
};

inline constexpr double kLongestPause = 10;         // seconds, of one break
inline constexpr double kLongestPauses = 60;        // … of all together
inline constexpr std::size_t kMostStretches = 200;  // each is a request to the model

// At least one stretch has text. Errors at `input`: kInvalid, with the place.
[[nodiscard]] Result<std::vector<Stretch>> ReadSsml(std::string_view ssml);

}  // namespace hostler::speech
