#include "app/transcript.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>

#include "base/text.h"

namespace hostler::app {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

// The code point that starts at `text`; 0 if there is none.
char32_t FirstOf(std::string_view text) {
  if (text.empty()) return 0;
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : lead >= 0xC0U ? 2 : 1;
  if (length > text.size()) return 0;
  char32_t point = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return point;
}

char32_t LastOf(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && (static_cast<unsigned char>(text[at - 1]) & 0xC0U) == 0x80U) --at;
  return at == 0 ? 0 : FirstOf(text.substr(at - 1));
}

// Thai, Lao, Burmese, Khmer, Chinese and Japanese write words without blanks; Korean does not.
bool WritesTogether(char32_t point) {
  return (point >= 0x0E00 && point < 0x0F00) || (point >= 0x1000 && point < 0x10A0) || (point >= 0x1780 && point < 0x1800) ||
         (point >= 0x2E80 && point < 0xA4D0) || (point >= 0xF900 && point < 0xFB00) || (point >= 0xFF00 && point < 0xFFF0) ||
         (point >= 0x20000 && point < 0x32000);
}

// A part of a segment's text that one person said, and when.
struct Bit {
  std::string_view text;
  double start = 0;
  double end = 0;
};

// Each word with what stands before it; nullopt if the words are not those of the text.
std::optional<std::vector<Bit>> ByWords(const wire::Segment& segment, std::span<const wire::Word> words) {
  std::vector<Bit> bits;
  const std::string_view text(segment.text);
  std::size_t from = 0;
  for (const wire::Word& word : words) {
    const std::size_t at = text.find(word.word, from);
    if (word.word.empty() || at == std::string_view::npos) return std::nullopt;
    bits.push_back({text.substr(from, at + word.word.size() - from), word.start, word.end});
    from = at + word.word.size();
  }
  if (bits.empty()) return std::nullopt;
  bits.back().text = text.substr(static_cast<std::size_t>(bits.back().text.data() - text.data()));
  return bits;
}

std::vector<Bit> ByLetters(const wire::Segment& segment) {
  std::vector<Bit> bits;
  const std::string_view text(segment.text);
  const double pace = (segment.end - segment.start) / static_cast<double>(std::max<std::size_t>(1, text.size()));
  for (std::size_t from = 0; from < text.size();) {
    std::size_t to = from;
    while (to < text.size() && IsBlank(text[to])) ++to;
    while (to < text.size() && !IsBlank(text[to])) ++to;
    bits.push_back({text.substr(from, to - from), segment.start + pace * static_cast<double>(from),
                    segment.start + pace * static_cast<double>(to)});
    from = to;
  }
  return bits;
}

// Who speaks the longest from `start` to `end`; nobody: who speaks next to it.
int SpeakerAt(const std::vector<wire::Turn>& turns, double start, double end) {
  int speaker = -1;
  double most = -std::numeric_limits<double>::infinity();  // seconds together; below 0: apart
  for (const wire::Turn& turn : turns) {
    const double together = std::min(end, turn.end) - std::max(start, turn.start);
    if (together > most) {
      most = together;
      speaker = turn.speaker;
    }
  }
  return speaker;
}

}  // namespace

std::string_view Between(std::string_view text, std::string_view next) {
  if (text.empty() || next.empty() || IsBlank(text.back()) || IsBlank(next.front())) return "";
  return WritesTogether(LastOf(text)) && WritesTogether(FirstOf(next)) ? "" : " ";
}

wire::Segment Shifted(wire::Segment segment, double start, int first_id) {
  segment.id += first_id;
  segment.start += start;
  segment.end += start;
  return segment;
}

void Append(wire::Transcript& whole, wire::Transcript chapter, double start) {
  if (whole.language.empty() || whole.language == "und") whole.language = chapter.language;
  whole.duration = start + chapter.duration;
  whole.text += Between(whole.text, chapter.text);
  whole.text += chapter.text;
  const int first_id = static_cast<int>(whole.segments.size());
  for (wire::Segment& segment : chapter.segments) whole.segments.push_back(Shifted(std::move(segment), start, first_id));
  for (wire::Word& word : chapter.words) {
    word.start += start;
    word.end += start;
    whole.words.push_back(std::move(word));
  }
}

std::vector<SpokenSegment> WhoSaidWhat(const wire::Transcript& transcript, const std::vector<wire::Turn>& turns) {
  std::vector<SpokenSegment> spoken;
  std::span<const wire::Word> words(transcript.words);
  for (const wire::Segment& segment : transcript.segments) {
    std::size_t count = 0;
    while (count < words.size() && (words[count].start + words[count].end) / 2 <= segment.end) ++count;
    const auto by_words = ByWords(segment, words.first(count));
    words = words.subspan(count);
    const std::size_t first = spoken.size();
    for (const Bit& bit : by_words ? *by_words : ByLetters(segment)) {
      const int speaker = SpeakerAt(turns, bit.start, bit.end);
      if (spoken.size() == first || spoken.back().speaker != speaker) spoken.push_back({speaker, bit.start, bit.end, ""});
      spoken.back().text += bit.text;
      spoken.back().end = bit.end;
    }
    for (std::size_t i = first; i < spoken.size(); ++i) spoken[i].text = Trim(spoken[i].text);
  }
  std::erase_if(spoken, [](const SpokenSegment& segment) { return segment.text.empty(); });
  return spoken;
}

}  // namespace hostler::app
