#include "engine_sdk/sentences.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

#include "base/text.h"

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

// Where to cut characters that are too many: at the last of the best places among the first `longest`; REQUIRES more than that.
std::size_t Cut(std::span<const Character> characters, std::size_t longest) {
  std::size_t sentence = 0;
  std::size_t clause = 0;
  std::size_t word = 0;
  // White space behind the last character costs nothing.
  for (std::size_t at = 1; at <= longest || (at < characters.size() && IsSpace(characters[at - 1].value)); ++at) {
    const Break place = BreakBefore(characters, at);
    if (place == Break::kSentence) sentence = at;
    if (place == Break::kClause) clause = at;
    if (place != Break::kNone) word = at;
  }
  if (sentence > 0) return sentence;
  if (clause > longest / 3) return clause;  // a few words alone sound worse than a breath in the wrong place
  if (word > 0) return word;
  for (std::size_t at = longest; at > 1; --at) {
    if (!Clings(characters[at].value) && characters[at - 1].value != 0x200D) return at;
  }
  return longest;
}

struct Piece {
  std::string text;
  bool ends_paragraph = false;
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
    const std::size_t before = pieces_.size();
    while (begin < end) {
      if (IsSpace(characters_[begin].value)) {
        ++begin;
        continue;
      }
      while (IsSpace(characters_[end - 1].value)) --end;
      const std::size_t longest = pieces_.empty() ? first_ : longest_;
      const std::span rest = std::span(characters_).subspan(begin, end - begin);
      const std::size_t size = rest.size() <= longest ? rest.size() : Cut(rest, longest);
      Add(begin, begin + size);
      begin += size;
    }
    if (pieces_.size() > before) pieces_.back().ends_paragraph = true;
  }

  void Add(std::size_t begin, std::size_t end) {
    while (IsSpace(characters_[end - 1].value)) --end;
    const std::size_t from = characters_[begin].offset;
    const std::size_t to = end < characters_.size() ? characters_[end].offset : text_.size();
    pieces_.push_back({std::string(text_.substr(from, to - from)), false});
  }

  const std::string_view text_;
  const std::vector<Character> characters_;
  const std::size_t longest_;
  const std::size_t first_;
  std::vector<Piece> pieces_;
};

// Passes on the pieces of a speech with the silence at their edges cut and a pause between them. It holds back what may turn out
// to be a piece's end: a few milliseconds, or the silence that it is in.
class Joiner : public AudioSink {
 public:
  Joiner(AudioSink& sink, const Seams& seams) : sink_(sink), seams_(seams) {}

  bool Begin(int sample_rate, int channels) override {
    if (sample_rate_ == 0) {
      sample_rate_ = sample_rate;
      channels_ = channels;
      fade_ = Frames(seams_.fade_s);
      heard_ = sink_.Begin(sample_rate, channels);
    } else if (sample_rate != sample_rate_ || channels != channels_) {
      problem_ = Error{Code::kInternal,
                       fmt::format("the model changed from {} Hz and {} channels to {} Hz and {} channels between two sentences",
                                   sample_rate_, channels_, sample_rate, channels),
                       "Report this to whoever made the engine."};
    }
    return heard_ && !problem_;
  }

  bool Write(std::span<const std::int16_t> samples) override {
    if (problem_ || !heard_) return false;
    for (std::size_t i = 0; i + static_cast<std::size_t>(channels_) <= samples.size(); i += static_cast<std::size_t>(channels_))
      Take(samples.subspan(i, static_cast<std::size_t>(channels_)));
    const std::size_t kept = std::max(fade_, std::min(quiet_, Frames(kLongestHeld)));
    if (spoken_ && held() > kept) Pass(held() - kept);
    return heard_;
  }

  // False: nobody listens any more. `pause_s` is the silence after the piece.
  bool EndPiece(double pause_s) {
    if (spoken_) {
      if (quiet_ > fade_) held_.resize((held() - std::min(held(), quiet_ - fade_)) * static_cast<std::size_t>(channels_));
      const std::size_t fade = std::min(fade_, held());
      for (std::size_t i = 0; i < fade; ++i) Scale(held() - 1 - i, static_cast<double>(i) / static_cast<double>(fade));
      Pass(held());
      held_.assign(Frames(pause_s) * static_cast<std::size_t>(channels_), 0);
      passed_ = fade_;
      Pass(held());
    }
    held_.clear();
    spoken_ = false;
    quiet_ = passed_ = 0;
    return heard_;
  }

  [[nodiscard]] bool heard() const { return heard_; }
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

 private:
  static constexpr double kLongestHeld = 1;  // s of silence; a longer one is passed on as it comes

  // One sample of each channel.
  void Take(std::span<const std::int16_t> frame) {
    const double level = seams_.silence_level * 32768;
    const bool loud = std::ranges::any_of(frame, [&](std::int16_t x) { return std::abs(static_cast<double>(x)) >= level; });
    held_.insert(held_.end(), frame.begin(), frame.end());
    quiet_ = loud ? 0 : quiet_ + 1;
    spoken_ = spoken_ || loud;
    if (!spoken_ && held() > fade_) held_.erase(held_.begin(), held_.begin() + channels_);
  }

  void Pass(std::size_t frames) {
    for (std::size_t i = 0; i < frames && passed_ < fade_; ++i, ++passed_)
      Scale(i, static_cast<double>(passed_) / static_cast<double>(fade_));
    const std::size_t count = frames * static_cast<std::size_t>(channels_);
    if (count > 0 && heard_) heard_ = sink_.Write({held_.data(), count});
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  void Scale(std::size_t frame, double gain) {
    const std::size_t begin = frame * static_cast<std::size_t>(channels_);
    for (std::size_t i = begin; i < begin + static_cast<std::size_t>(channels_); ++i)
      held_[i] = static_cast<std::int16_t>(std::lround(held_[i] * gain));
  }

  [[nodiscard]] std::size_t held() const { return held_.size() / static_cast<std::size_t>(channels_); }  // frames
  [[nodiscard]] std::size_t Frames(double seconds) const { return static_cast<std::size_t>(std::lround(seconds * sample_rate_)); }

  AudioSink& sink_;
  const Seams seams_;
  int sample_rate_ = 0;  // Hz; 0 before the first piece
  int channels_ = 1;
  std::size_t fade_ = 0;            // frames
  std::vector<std::int16_t> held_;  // not passed on yet
  bool spoken_ = false;             // has this piece been louder than silence?
  std::size_t quiet_ = 0;           // frames since it was
  std::size_t passed_ = 0;          // frames of this piece, counted as far as they fade in
  bool heard_ = true;               // somebody listens
  std::optional<Error> problem_;
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
    const double pause = &piece == &pieces.back() ? 0 : seams.pause_s * (piece.ends_paragraph ? 2 : 1);
    if (!joiner.EndPiece(pause)) return {};
  }
  return {};
}

}  // namespace hostler::engine_sdk
