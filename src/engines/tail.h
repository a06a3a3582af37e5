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

class Tail {
 public:
  static constexpr std::size_t kKeptLines = 200;
  static constexpr std::size_t kLongestLine = 2000;

  void Feed(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') {
        Flush();
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
  static std::string Printable(std::string line) {
    if (!Utf8Length(line)) {
      for (char& c : line) {
        if (static_cast<unsigned char>(c) >= 0x80) c = '?';
      }
    }
    return line;
  }
  void Flush() {
    lines_.push_back(Printable(std::move(line_)));
    line_.clear();
    if (lines_.size() > kKeptLines) lines_.pop_front();
  }
  std::deque<std::string> lines_;
  std::string line_;
};

}  // namespace hostler::engines
