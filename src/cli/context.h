// What every command gets: where to print, how, and the global options.
//
// Internal to this room; lives as long as one command. Main thread only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/surroundings.h"

namespace hostler::cli {

struct Globals {
  std::string server;
  std::string home;
  bool json = false;
  bool no_color = false;
};

enum class Style { kPlain, kStrong, kDim, kGood, kWarning, kBad };

class Context {
 public:
  Context(const Surroundings& surroundings, Globals globals);

  [[nodiscard]] const Surroundings& surroundings() const { return surroundings_; }
  [[nodiscard]] const Globals& globals() const { return globals_; }
  [[nodiscard]] bool json() const { return globals_.json; }
  // Columns that a table on standard output may take; 0: as many as it wants.
  [[nodiscard]] int width() const { return surroundings_.out_is_terminal ? surroundings_.width : 0; }
  [[nodiscard]] std::string Variable(const std::string& name) const;

  void Out(std::string_view text) const { surroundings_.out(text); }
  void OutLine(std::string_view text) const;
  void Note(std::string_view line) const;      // a line on standard error
  void Progress(std::string_view line) const;  // a line that the next one replaces; on a terminal only
  // Several such lines, each cut to the terminal's width.
  void ProgressBlock(const std::vector<std::string>& lines) const;
  [[nodiscard]] bool shows_progress() const;
  void EndProgress() const;  // wipes it

  // For standard output; plain where there is no terminal or colours are unwanted.
  [[nodiscard]] std::string Paint(Style style, std::string_view text) const;
  // Asks a person; false for anything but yes. kConflict named `not_a_terminal` where nobody can be asked.
  [[nodiscard]] Result<bool> Ask(std::string_view question) const;
  // `hostler: MESSAGE` and `  → REMEDY`, and the JSON form with --json.
  void Report(const Error& error) const;

  // --home and the environment as config::Load takes them.
  [[nodiscard]] config::Flags HomeFlags() const;

 private:
  [[nodiscard]] std::string Rewound() const;
  [[nodiscard]] std::string PaintIf(bool colored, Style style, std::string_view text) const;

  const Surroundings& surroundings_;
  const Globals globals_;
  bool out_colored_ = false;
  bool err_colored_ = false;
  mutable std::size_t progress_lines_ = 0;
};

// {"error":{"message","type","param","code","remedy"}}
[[nodiscard]] std::string ErrorJson(const Error& error);

// Bytes that came from elsewhere, made safe for a terminal: control characters other than newline and tab become "?".
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace hostler::cli
