#include "engine_sdk/sentences.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/text.h"
#include "engine_sdk/joiner.h"

namespace hostler::engine_sdk {
namespace {

// A character and where it begins. A byte that is no UTF-8 counts as a character of its own.
struct Character {
  char32_t value = 0;
  std::size_t offset = 0;  // bytes
};

std::vector<Character> Characters(std::string_view text) {
  std::vector<Character> characters;
  characters.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t value = size == 1 ? lead : lead & (0x7FU >> size);
    std::size_t used = 1;
    for (; used < size && i + used < text.size() && (static_cast<unsigned char>(text[i + used]) & 0xC0U) == 0x80; ++used)
      value = (value << 6) | (static_cast<unsigned char>(text[i + used]) & 0x3FU);
    if (used < size) {
      value = 0xFFFD;
      used = 1;
    }
    characters.push_back({value, i});
    i += used;
  }
  return characters;
}

template <std::size_t kCount>
bool IsOneOf(char32_t c, const std::array<char32_t, kCount>& set) {
  return std::ranges::find(set, c) != set.end();
}

bool IsSpace(char32_t c) {
  return c == ' ' || (c >= 0x9 && c <= 0xD) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
bool IsDigit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool IsLatin(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0x24F);
}
// Of the scripts whose sentences begin with a capital: Latin (without its extensions, which mix the cases), Greek, Cyrillic.
bool IsSmall(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFF) || (c >= 0x3AC && c <= 0x3CE) || (c >= 0x430 && c <= 0x45F);
}
// They end a sentence only before white space: 3.14, example.com, ?x=1
bool IsStop(char32_t c) {
  return c == '.' || c == '!' || c == '?' || c == 0x2026;
}
// They end one wherever they are: 。！？．｡ of Chinese and Japanese, ؟ and ۔ of Arabic and Urdu, । and ॥ of Indian scripts,
// ։ Armenian, ። Ethiopic, ။ Burmese, ។ Khmer.
bool IsFullStop(char32_t c) {
  return IsOneOf(c, std::to_array<char32_t>(
                        {0x3002, 0xFF01, 0xFF1F, 0xFF0E, 0xFF61, 0x61F, 0x6D4, 0x964, 0x965, 0x589, 0x1362, 0x104B, 0x17D4}));
}
bool IsClosing(char32_t c) {
  return IsOneOf(c, std::to_array<char32_t>({'"', '\'', ')', ']', '}', 0xBB, 0x2019, 0x201D, 0x203A, 0x3009, 0x300B, 0x300D,
                                             0x300F, 0x3011, 0xFF09}));
}
bool IsClauseEnd(char32_t c) {
  return IsOneOf(c,
                 std::to_array<char32_t>({',', ';', ':', 0x2013, 0x2014, 0x60C, 0x61B, 0x3001, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF64}));
}
// Part of the character before it: combining marks, joiners, variation selectors, skin tones.
bool Clings(char32_t c) {
  return (c >= 0x300 && c <= 0x36F) || c == 0x200D || (c >= 0xFE00 && c <= 0xFE0F) || c == 0x20E3 ||
         (c >= 0x1F3FB && c <= 0x1F3FF) || (c >= 0xE0020 && c <= 0xE007F);
}

// After which a full stop does not end a sentence, in small letters.
constexpr auto kAbbreviations = std::to_array<std::string_view>(
    {"mr",  "mrs", "ms",   "dr",  "prof", "sr",  "jr",     "st",  "mt",   "vs",  "cf",  "al",  "no",  "nr",  "vol", "fig",
     "pp",  "ca",  "bzw",  "usw", "evtl", "ggf", "gen",    "col", "capt", "lt",  "sgt", "rev", "hon", "gov", "sen", "rep",
     "inc", "ltd", "corp", "co",  "dept", "est", "approx", "jan", "feb",  "mar", "apr", "jun", "jul", "aug", "sep", "sept",
     "oct", "nov", "dec",  "hr",  "fr",   "str", "tel",    "mme", "mlle", "sra", "ud",  "uds", "vgl"});

// How good a place between two characters is to breathe.
enum class Break : std::uint8_t { kNone, kWord, kClause, kSentence };

// Is the full stop at `stop` that of "Dr.", "J.", "e.g." or of an ordinal ("am 3. Mai")? Then it ends nothing.
bool IsAbbreviation(std::span<const Character> characters, std::size_t stop) {
  std::size_t begin = stop;
  while (begin > 0 && (IsLatin(characters[begin - 1].value) || IsDigit(characters[begin - 1].value))) --begin;
  const std::size_t length = stop - begin;
  if (length == 0 || length > 6) return false;
  if (length == 1 && IsLatin(characters[begin].value)) return true;
  if (length <= 2 && std::ranges::all_of(characters.subspan(begin, length), IsDigit, &Character::value)) return true;
  std::string word;
  for (const Character& c : characters.subspan(begin, length)) word += c.value < 0x80 ? static_cast<char>(c.value) : '?';
  return std::ranges::find(kAbbreviations, Lower(word)) != kAbbreviations.end();
}

// What lies before characters[at], which is not the first.
Break BreakBefore(std::span<const Character> characters, std::size_t at) {
  const char32_t next = characters[at].value;
  std::size_t end = at;  // behind the last character that is not white space
  while (end > 0 && IsSpace(characters[end - 1].value)) --end;
  const bool spaced = end < at;
  constexpr char32_t kGuillemet = 0xBB;  // » has a blank before it in French
  if (IsSpace(next) || IsStop(next) || IsFullStop(next) || next == kGuillemet || end == 0) return Break::kNone;
  std::size_t stop = end;  // … and that is not a closing quote or bracket
  // “ opens in English and Chinese, and closes in German.
  while (stop > 0 && (IsClosing(characters[stop - 1].value) || (spaced && characters[stop - 1].value == 0x201C))) --stop;
  if (characters[stop].value == kGuillemet) {
    while (stop > 0 && IsSpace(characters[stop - 1].value)) --stop;
  }
  const bool quoted = stop < end;
  const char32_t last = stop == 0 ? 0 : characters[stop - 1].value;
  if (IsFullStop(last) && !IsClosing(next)) return Break::kSentence;
  if (!spaced) return IsClauseEnd(last) && last >= 0x3000 && !quoted ? Break::kClause : Break::kNone;
  if (at - end == 1 && (characters[end].value == 0xA0 || characters[end].value == 0x202F))
    return Break::kNone;  // no-break spaces
  if (IsStop(last)) {
    const bool goes_on = IsSmall(next) && (quoted || last == '.' || last == 0x2026);  // "Stop!" he said
    if (goes_on) return Break::kWord;
    return last == '.' && !quoted && IsAbbreviation(characters, stop - 1) ? Break::kWord : Break::kSentence;
  }
  const bool new_line = std::ranges::find(characters.subspan(end, at - end), U'\n', &Character::value) != characters.begin() + at;
  return IsClauseEnd(last) || new_line ? Break::kClause : Break::kWord;
}

// How far a cut within a sentence may lie: if little of the sentence would be left, nearer to its middle. A last word on its own
// is no piece.
std::size_t Reach(std::span<const Character> characters, std::size_t longest) {
  const std::size_t least = longest / 4;
  for (std::size_t at = longest + 1; at <= std::min(characters.size(), longest + least); ++at) {
    if (at == characters.size() || BreakBefore(characters, at) == Break::kSentence) return at - least;
  }
  return longest;
}

struct Place {
  std::size_t at = 0;
  double rest = 0;  // what a reader rests there, in pauses between sentences
};
constexpr double kSentenceRest = 1;
constexpr double kClauseRest = 0.5;
constexpr double kParagraphRest = 2;

// Where to cut characters that are too many: at the last of the best places among the first `longest`; REQUIRES more than that.
Place Cut(std::span<const Character> characters, std::size_t longest) {
  const std::size_t reach = Reach(characters, longest);
  std::size_t sentence = 0;
  std::size_t clause = 0;
  std::size_t word = 0;
  // White space behind the last character costs nothing.
  for (std::size_t at = 1; at <= longest || (at < characters.size() && IsSpace(characters[at - 1].value)); ++at) {
    const Break place = BreakBefore(characters, at);
    if (place == Break::kSentence) sentence = at;
    if (place == Break::kClause && at <= reach) clause = at;
    if (place != Break::kNone && at <= reach) word = at;
  }
  if (sentence > 0) return {sentence, kSentenceRest};
  if (clause > longest / 3) return {clause, kClauseRest};  // a few words alone sound worse than a breath in the wrong place
  if (word > 0) return {word, 0};
  for (std::size_t at = longest; at > 1; --at) {
    if (!Clings(characters[at].value) && characters[at - 1].value != 0x200D) return {at, 0};
  }
  return {longest, 0};
}

struct Piece {
  std::string text;
  double rest = 0;  // after it, as Place
};

class Cutter {
 public:
  Cutter(std::string_view text, const Cutting& cutting)
      : text_(text),
        characters_(Characters(text)),
        longest_(std::max<std::size_t>(1, cutting.longest)),
        first_(std::clamp<std::size_t>(cutting.first, 1, longest_)) {}

  std::vector<Piece> Pieces() {
    for (std::size_t begin = 0; begin < characters_.size();) {
      const std::size_t end = ParagraphEnd(begin);
      CutParagraph(begin, end);
      begin = end;
    }
    return std::move(pieces_);
  }

 private:
  // A paragraph ends with an empty line.
  [[nodiscard]] std::size_t ParagraphEnd(std::size_t begin) const {
    int lines = 0;
    for (std::size_t at = begin; at < characters_.size(); ++at) {
      const char32_t c = characters_[at].value;
      if (c == '\n') ++lines;
      if (c == 0x2029) lines = 2;
      if (!IsSpace(c)) {
        if (lines >= 2) return at;
        lines = 0;
      }
    }
    return characters_.size();
  }

  void CutParagraph(std::size_t begin, std::size_t end) {
    while (begin < end) {
      if (IsSpace(characters_[begin].value)) {
        ++begin;
        continue;
      }
      while (IsSpace(characters_[end - 1].value)) --end;
      const std::size_t longest = pieces_.empty() ? first_ : longest_;
      const std::span rest = std::span(characters_).subspan(begin, end - begin);
      const Place place = rest.size() <= longest ? Place{rest.size(), kParagraphRest} : Cut(rest, longest);
      Add(begin, begin + place.at, place.rest);
      begin += place.at;
    }
  }

  void Add(std::size_t begin, std::size_t end, double rest) {
    while (IsSpace(characters_[end - 1].value)) --end;
    const std::size_t from = characters_[begin].offset;
    const std::size_t to = end < characters_.size() ? characters_[end].offset : text_.size();
    pieces_.push_back({std::string(text_.substr(from, to - from)), rest});
  }

  const std::string_view text_;
  const std::vector<Character> characters_;
  const std::size_t longest_;
  const std::size_t first_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::vector<std::string> Sentences(std::string_view text, const Cutting& cutting) {
  std::vector<std::string> sentences;
  for (Piece& piece : Cutter(text, cutting).Pieces()) sentences.push_back(std::move(piece.text));
  return sentences;
}

Result<> SpeakBySentence(std::string_view text, AudioSink& sink, const std::stop_token& stop,
                         const std::function<Result<>(const std::string& piece, AudioSink& out)>& speak, const Cutting& cutting,
                         const Seams& seams) {
  const std::vector<Piece> pieces = Cutter(text, cutting).Pieces();
  if (pieces.empty()) return Fail(Error{Code::kInvalid, "there is nothing to say", "Send a text that is not blank."}.At("text"));
  if (pieces.size() == 1) return speak(pieces.front().text, sink);
  Joiner joiner(sink, seams);
  for (const Piece& piece : pieces) {
    if (stop.stop_requested()) return {};
    Result<> spoken = speak(piece.text, joiner);
    if (joiner.problem()) return Fail(*joiner.problem());
    HOSTLER_OK(std::move(spoken));
    if (stop.stop_requested()) return {};
    const double pause = &piece == &pieces.back() ? 0 : seams.pause_s * piece.rest;
    if (!joiner.EndPiece(pause)) return {};
  }
  return {};
}

}  // namespace hostler::engine_sdk
