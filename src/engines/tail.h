// Standard error as lines, the last ones kept: an engine's last words.
//
// Owner: an instance. Threads: the control loop.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace hostler::engines {

// Bytes of an engine as text that spoils neither a terminal nor a JSON reader.
[[nodiscard]] inline std::string Printable(std::string_view bytes) {
  std::string text(bytes);
  const bool valid = Utf8Length(text).has_value();
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F || (!valid && byte >= 0x80)) c = '?';
  }
  return text;
}

class Tail {
 public:
  static constexpr std::size_t kKeptLines = 200;
  static constexpr std::size_t kLongestLine = 2000;

  void Feed(std::string_view text) {
    Feed(text, [](std::string_view) {});
  }
  // `on_line` is told of each line that is whole.
  template <class OnLine>
  void Feed(std::string_view text, OnLine on_line) {
    for (const char c : text) {
      if (c == '\n') {
        Flush();
        on_line(std::string_view(lines_.back()));
      } else if (line_.size() < kLongestLine) {
        line_ += c;
      }
    }
  }
  [[nodiscard]] std::vector<std::string> Lines() const {
    std::vector<std::string> lines(lines_.begin(), lines_.end());
    if (!line_.empty()) lines.push_back(Printable(line_));
    return lines;
  }

 private:
  void Flush() {
    lines_.push_back(Printable(line_));
    line_.clear();
    if (lines_.size() > kKeptLines) lines_.pop_front();
  }
  std::deque<std::string> lines_;
  std::string line_;
};

}  // namespace hostler::engines
