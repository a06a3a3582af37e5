// From whisper's tokens, which are bytes with times, to text and words.
//
// Plain values; one thread at a time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "wire/wire.h"

namespace hostler::whisper {

struct Token {
  std::string bytes;  // with the blank before a word; may hold a part of a character
  double start = 0;   // seconds
  double end = 0;
  double probability = 0;
};

// A character may be cut by the end of a segment: its first half waits for the next one.
class Mender {
 public:
  // The tokens of one segment, so that together they are whole characters: what the last segment left over comes first, what is
  // not whole at the end is kept back.
  void Mend(std::vector<Token>& tokens);

 private:
  std::string left_;
};

// Their bytes as valid UTF-8.
[[nodiscard]] std::string TextOf(std::span<const Token> tokens);

// Words with the times of their first and last token. `parted`: a blank begins a word; otherwise each token of whole characters
// is one, and punctuation goes with the word before it. Without blanks around them.
[[nodiscard]] std::vector<wire::Word> WordsOf(std::span<const Token> tokens, bool parted);

}  // namespace hostler::whisper
