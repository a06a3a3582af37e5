// Columns of text, aligned by what a terminal shows of UTF-8, not by bytes.
//
// Internal to this room. Main thread only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"

namespace hostler::cli {

// Columns that `text` takes on a terminal: combining marks none, wide East Asian characters and emoji two.
[[nodiscard]] std::size_t DisplayWidth(std::string_view text);
// The longest beginning that fits into `columns`, with "…" if something was cut.
[[nodiscard]] std::string CutTo(std::string_view text, std::size_t columns);

struct Cell {
  std::string text;
  Style style = Style::kPlain;
  Cell(std::string text, Style style = Style::kPlain) : text(std::move(text)), style(style) {}
  Cell(const char* text) : text(text) {}
};

class Table {
 public:
  // A heading that starts with ">" is aligned to the right: for numbers.
  explicit Table(std::vector<std::string> headings);
  void Add(std::vector<Cell> row);
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  // Prints it; on a terminal, lines are cut to its width.
  void Print(const Context& context) const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> right_;
  std::vector<std::vector<Cell>> rows_;
};

// "12.3 MB"; "-" if unknown. MB = 2^20 bytes.
[[nodiscard]] std::string Megabytes(const json::Nullable<double>& mb);
// "now", "5 s", "3 min", "2 h", "4 d": a length of time in one glance.
[[nodiscard]] std::string Span(double seconds);
// The same for how long ago a moment was; "-" if unknown.
[[nodiscard]] std::string Ago(const json::Nullable<double>& unix_seconds);

}  // namespace hostler::cli
