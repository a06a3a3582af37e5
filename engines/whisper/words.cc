#include "engines/whisper/words.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hostler::whisper {
namespace {

// How many bytes at the end begin a character that is not whole; 0 if it ends well, or is no UTF-8 at all.
std::size_t Unfinished(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;  // it goes on
    const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC2U ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

bool IsPunctuation(std::string_view text) {
  static constexpr std::array<std::string_view, 18> kMarks = {"\"", "'", ".",  "。", ",", "，", "!", "！", "?",
                                                              "？", ":", "：", "”",  ")", "]",  "}", "、", "」"};
  return std::find(kMarks.begin(), kMarks.end(), text) != kMarks.end();
}

// A word that is being put together.
struct Draft {
  std::string bytes;
  double start = 0;
  double end = 0;
  double sum = 0;  // of probabilities
  int tokens = 0;

  void Add(const Token& token) {
    if (tokens == 0) start = token.start;
    bytes += token.bytes;
    end = std::max(start, token.end);
    sum += token.probability;
    ++tokens;
  }
};

bool Begins(const Draft& draft, const Token& token, bool parted) {
  if (draft.tokens == 0) return false;
  if (Unfinished(draft.bytes) > 0) return false;
  if (parted) return token.bytes.starts_with(' ');
  return !IsPunctuation(Trim(token.bytes));
}

void Finish(Draft& draft, std::vector<wire::Word>& words) {
  if (const std::string text(Trim(RepairUtf8(draft.bytes))); !text.empty()) {
    wire::Word word{text, draft.start, draft.end, {}};
    word.probability = std::clamp(draft.sum / draft.tokens, 0.0, 1.0);
    words.push_back(std::move(word));
  }
  draft = {};
}

}  // namespace

void Mender::Mend(std::vector<Token>& tokens) {
  if (tokens.empty()) return;
  tokens.front().bytes.insert(0, std::exchange(left_, {}));
  std::string all;
  for (const Token& token : tokens) all += token.bytes;
  std::size_t rest = Unfinished(all);
  left_ = all.substr(all.size() - rest);
  for (auto token = tokens.rbegin(); rest > 0; ++token) {
    const std::size_t here = std::min(rest, token->bytes.size());
    token->bytes.resize(token->bytes.size() - here);
    rest -= here;
  }
  std::erase_if(tokens, [](const Token& token) { return token.bytes.empty(); });
}

std::string TextOf(std::span<const Token> tokens) {
  std::string text;
  for (const Token& token : tokens) text += token.bytes;
  return RepairUtf8(text);
}

std::vector<wire::Word> WordsOf(std::span<const Token> tokens, bool parted) {
  std::vector<wire::Word> words;
  Draft draft;
  for (const Token& token : tokens) {
    if (Begins(draft, token, parted)) Finish(draft, words);
    draft.Add(token);
  }
  Finish(draft, words);
  return words;
}

}  // namespace hostler::whisper
