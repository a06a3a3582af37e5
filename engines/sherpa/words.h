// Words with times, of the tokens that a model heard.
//
// Pure; any thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "wire/wire.h"

namespace hostler::sherpa {

struct Token {
  std::string_view text;  // begins with a blank where a word begins
  double start = 0;       // s
  double duration = 0;    // s; 0: unknown
};

// Tokens belong to one word until the next one begins with a blank; characters of scripts without blanks (Han, kana) are words by
// themselves, and punctuation goes with the word before it. A word ends where its last token does, or if that is not known,
// where the next one begins, but at most half a second after its last token began. `offset`, `end`: of the piece, in s.
[[nodiscard]] std::vector<wire::Word> WordsOf(std::span<const Token> tokens, double offset, double end);

}  // namespace hostler::sherpa
