// Long texts for models that speak a sentence at a time: the text is cut where a reader would breathe, each piece is made and
// sent while the next is still text, and the pieces are joined without clicks, gaps or double pauses.
//
// Pure functions, and one sink that wraps another; call them on a worker.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine_sdk/engine.h"

namespace hostler::engine_sdk {

struct Cutting {
  std::size_t longest = 300;  // characters of one piece
  std::size_t first = 120;    // … of the first: speech begins when that one is made
};

// The pieces in order; joined with blanks they are the text, but for white space. Cuts at the end of sentences (of any script: .
// ! ? … 。！？؟ ।, not at abbreviations, initials, numbers or within a closing quote), at paragraphs, and where a sentence is
// longer than allowed, at a semicolon, colon, comma or dash, else between words, else between characters. Short sentences share a
// piece. Never empty pieces; an empty text has none.
[[nodiscard]] std::vector<std::string> Sentences(std::string_view text, const Cutting& cutting = {});

struct Seams {
  // Of silence between sentences. After a paragraph twice that; where a sentence had to be cut, half of it, or none if that was
  // between words.
  double pause_s = 0.25;
  double fade_s = 0.005;        // at the edges of a piece, against clicks
  double silence_level = 0.01;  // of full scale: quieter than this at a piece's edges is not spoken, and is cut
};

// Speaks `text` piece by piece: calls `speak` for each with a sink for its samples, and passes them on to `sink` with the seams
// mended. All pieces must have one format. An error of `speak` ends it; so does `stop`. A text that is one piece goes through as
// it is, silence at its edges and all.
[[nodiscard]] Result<> SpeakBySentence(std::string_view text, AudioSink& sink, const std::stop_token& stop,
                                       const std::function<Result<>(const std::string& piece, AudioSink& out)>& speak,
                                       const Cutting& cutting = {}, const Seams& seams = {});

}  // namespace hostler::engine_sdk
