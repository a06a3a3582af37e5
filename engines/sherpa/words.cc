#include "engines/sherpa/words.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace hostler::sherpa {
namespace {

constexpr double kLongestTail = 0.5;                    // s, from the beginning of a word's last token
constexpr std::string_view kWordMark = "\xE2\x96\x81";  // U+2581, which sentencepiece writes for a blank

double InMilliseconds(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

bool BeginsWord(std::string_view token) {
  return token.starts_with(' ') || token.starts_with(kWordMark);
}

// Han, Hiragana, Katakana: three bytes in UTF-8, U+3040 to U+9FFF.
bool IsWithoutBlanks(std::string_view token) {
  return token.size() >= 3 && static_cast<unsigned char>(token[0]) >= 0xE3 && static_cast<unsigned char>(token[0]) <= 0xE9 &&
         !(token[0] == '\xE3' && static_cast<unsigned char>(token[1]) < 0x81);  // U+3000 to U+303F are marks
}

std::string Bare(std::string_view token) {
  if (token.starts_with(kWordMark)) token.remove_prefix(kWordMark.size());
  return RepairUtf8(Trim(token));
}

}  // namespace

std::vector<wire::Word> WordsOf(std::span<const Token> tokens, double offset, double end) {
  std::vector<wire::Word> words;
  bool alone = false;  // the word so far is a character of a script without blanks
  double last = 0;     // beginning of its last token
  const auto finish = [&](double until) {
    if (!words.empty() && words.back().end <= last) words.back().end = std::clamp(until, last, last + kLongestTail);
  };
  for (const Token& token : tokens) {
    const std::string text = Bare(token.text);
    const double start = token.start + offset;
    if (text.empty()) continue;
    const bool ideograph = IsWithoutBlanks(token.text);
    const bool mark = text.size() == 1 && std::ispunct(static_cast<unsigned char>(text[0])) != 0 && text != "'";
    if (words.empty() || ((BeginsWord(token.text) || ideograph || alone) && !mark)) {
      finish(start);
      words.push_back({text, start, 0, {}});
    } else {
      words.back().word += text;
    }
    alone = ideograph;
    last = start;
    words.back().end = token.duration > 0 ? start + token.duration : 0;
  }
  finish(end);
  const double latest = InMilliseconds(end);
  for (wire::Word& word : words) {
    word.start = std::clamp(InMilliseconds(word.start), 0.0, latest);
    word.end = std::clamp(InMilliseconds(word.end), word.start, latest);
  }
  return words;
}

}  // namespace hostler::sherpa
