#include "cli/table.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/clock.h"

namespace hostler::cli {
namespace {

// The next code point; a broken byte counts as one character.
char32_t Next(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = lead < 0x80 ? 1 : (lead >> 5) == 0x6 ? 2 : (lead >> 4) == 0xE ? 3 : (lead >> 3) == 0x1E ? 4 : 1;
  char32_t point = size == 1 ? lead : lead & (0x7FU >> size);
  if (at + size > text.size()) {
    ++at;
    return '?';
  }
  for (std::size_t i = 1; i < size; ++i) point = (point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
  at += size;
  return point;
}

struct Range {
  char32_t first;
  char32_t last;
};

// The blocks that matter for names and descriptions (Unicode 15, EastAsianWidth and general category Mn); not every character.
constexpr std::array<Range, 6> kNoWidth = {
    {{0x300, 0x36F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x1AB0, 0x1AFF}}};
constexpr std::array<Range, 8> kWide = {{{0x1100, 0x115F},
                                         {0x2E80, 0x303E},
                                         {0x3041, 0xA4CF},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0x1F300, 0x1FAFF}}};

template <std::size_t N>
bool In(char32_t point, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return point >= range.first && point <= range.last; });
}

std::size_t WidthOf(char32_t point) {
  return In(point, kNoWidth) ? 0 : In(point, kWide) ? 2 : 1;
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) width += WidthOf(Next(text, at));
  return width;
}

std::string CutTo(std::string_view text, std::size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::size_t width = 0;
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    width += WidthOf(Next(text, at));
    if (width > columns - 1) break;
    end = at;
  }
  return std::string(text.substr(0, end)) + "…";
}

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) {
    right_.push_back(heading.starts_with('>'));
    if (right_.back()) heading.erase(0, 1);
  }
}

void Table::Add(std::vector<Cell> row) {
  for (Cell& cell : row) {
    cell.text = Printable(cell.text);
    std::replace(cell.text.begin(), cell.text.end(), '\n', ' ');
    std::replace(cell.text.begin(), cell.text.end(), '\t', ' ');
  }
  row.resize(headings_.size(), Cell(""));
  rows_.push_back(std::move(row));
}

void Table::Print(const Context& context) const {
  std::vector<std::size_t> widths;
  widths.reserve(headings_.size());
  for (const std::string& heading : headings_) widths.push_back(DisplayWidth(heading));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
  }
  const auto print = [&](const std::vector<Cell>& row) {
    std::string line;
    std::size_t left = context.width() > 0 ? static_cast<std::size_t>(context.width()) : std::string::npos;
    for (std::size_t i = 0; i < row.size() && left > 0; ++i) {
      if (i > 0) {
        const std::size_t gap = std::min<std::size_t>(2, left);
        line.append(gap, ' ');
        left -= gap;
      }
      const std::string text = CutTo(row[i].text, std::min(widths[i], left));
      const std::string padding(std::min(widths[i], left) - DisplayWidth(text), ' ');
      left -= std::min(widths[i], left);
      if (right_[i]) line += padding;
      line += context.Paint(row[i].style, text);
      if (!right_[i] && i + 1 < row.size()) line += padding;
    }
    while (line.ends_with(' ')) line.pop_back();
    context.OutLine(line);
  };
  std::vector<Cell> head;
  head.reserve(headings_.size());
  for (const std::string& heading : headings_) head.emplace_back(heading, Style::kDim);
  print(head);
  for (const auto& row : rows_) print(row);
}

std::string Megabytes(const json::Nullable<double>& mb) {
  return mb.value ? fmt::format("{:.1f} MB", *mb.value) : "-";
}

std::string Span(double seconds) {
  if (seconds < 1) return "now";
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} d", seconds / 86'400);
}

std::string Ago(const json::Nullable<double>& unix_seconds) {
  if (!unix_seconds.value) return "-";
  const double seconds = std::max(0.0, UnixSeconds(WallClock::now()) - *unix_seconds.value);
  return seconds < 1 ? "now" : Span(seconds) + " ago";
}

}  // namespace hostler::cli
