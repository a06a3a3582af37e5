#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/sherpa/families.h"
#include "os/files.h"

namespace hostler::sherpa {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestTokens = 64 << 20;  // bytes

std::unexpected<Error> Bad(const fs::path& path, std::size_t line, std::string_view what) {
  return Fail(Code::kInvalid, fmt::format("{}, line {}: {}", path.filename().string(), line, what),
              "Download it again: it belongs to the model.");
}

// "SYMBOL NUMBER"; the symbol of a blank may be missing, as the blank itself is taken for the space between.
struct Line {
  std::string symbol;
  int number = -1;
};

std::optional<Line> ReadLine(std::string_view text) {
  const std::size_t space = text.find_last_of(" \t");
  const std::string_view digits = text.substr(space == std::string_view::npos ? 0 : space + 1);
  Line line;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), line.number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || line.number < 0) return std::nullopt;
  line.symbol = space == std::string_view::npos ? " " : std::string(Trim(text.substr(0, space)));
  if (line.symbol.empty()) line.symbol = " ";
  return line;
}

bool IsEspeakData(const fs::path& folder) {
  constexpr std::array<std::string_view, 4> kNeeded = {"phontab", "phonindex", "phondata", "intonations"};
  return std::all_of(kNeeded.begin(), kNeeded.end(), [&](std::string_view name) {
    std::error_code ec;
    return fs::is_regular_file(folder / name, ec) && fs::file_size(folder / name, ec) > 0;
  });
}

}  // namespace

Result<> CheckTokens(const fs::path& path, bool characters) {
  HOSTLER_TRY(const std::string text, os::ReadFile(path, kLargestTokens));
  std::set<std::string> symbols;
  std::size_t number = 0;
  for (std::string_view row : Split(text, '\n')) {
    ++number;
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty()) continue;
    const auto line = ReadLine(row);
    if (!line) return Bad(path, number, fmt::format("\"{}\" is not a symbol and its number", Clip(Printable(row), 60)));
    const auto length = Utf8Length(line->symbol);
    if (characters && (!length || *length != 1))
      return Bad(path, number, fmt::format("\"{}\" is not one character", Clip(Printable(line->symbol), 60)));
    if (!symbols.insert(line->symbol).second && characters)
      return Bad(path, number, fmt::format("\"{}\" is there twice", Clip(Printable(line->symbol), 60)));
  }
  if (symbols.empty()) return Bad(path, 1, "there is no symbol in it");
  return {};
}

Result<std::string> EspeakData(const fs::path& folder) {
  const fs::path own = folder / "espeak-ng-data";
  std::error_code ec;
  if (fs::exists(own, ec)) {
    if (IsEspeakData(own)) return own.string();
    return Fail(Code::kInvalid, "espeak-ng-data is not whole: phontab, phonindex, phondata and intonations belong into it",
                "Download the model again.");
  }
  if (IsEspeakData(HOSTLER_ESPEAK_DATA)) return std::string(HOSTLER_ESPEAK_DATA);
  return Fail(Code::kNotFound, "there is no espeak-ng-data in the model's folder, nor " HOSTLER_ESPEAK_DATA,
              "Install the package espeak-ng-data.");
}

}  // namespace hostler::sherpa
