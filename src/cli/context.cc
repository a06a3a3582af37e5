#include "cli/context.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/table.h"

namespace hostler::cli {
namespace {

struct ErrorBody {
  std::string message;
  std::string type;
  json::Nullable<std::string> param;
  std::string code;
  std::optional<std::string> remedy;
};
BOOST_DESCRIBE_STRUCT(ErrorBody, (), (message, type, param, code, remedy))

struct ErrorDocument {
  ErrorBody error;
};
BOOST_DESCRIBE_STRUCT(ErrorDocument, (), (error))

std::string_view Sgr(Style style) {
  switch (style) {
    case Style::kPlain: return "";
    case Style::kStrong: return "1";
    case Style::kDim: return "2";
    case Style::kGood: return "32";
    case Style::kWarning: return "33";
    case Style::kBad: return "31";
  }
  return "";
}

}  // namespace

int ExitCodeOf(const Error& error) {
  if (error.name == kUsage || error.name == kConfiguration) return kExitUsage;
  if (error.name == kNoServer) return kExitNoServer;
  switch (error.code) {
    case Code::kNotFound: return kExitNotFound;
    case Code::kConflict:
    case Code::kForbidden:
    case Code::kUnavailable:
    case Code::kBusy: return kExitRefused;
    case Code::kCancelled: return kExitInterrupted;
    default: return kExitFailed;
  }
}

std::string ErrorJson(const Error& error) {
  ErrorDocument document;
  document.error.message = error.message;
  document.error.type = CodeName(error.code);
  if (!error.field.empty()) document.error.param = error.field;
  document.error.code = error.name.empty() ? std::string(CodeName(error.code)) : error.name;
  if (!error.remedy.empty()) document.error.remedy = error.remedy;
  return json::ToJson(document);
}

std::string Printable(std::string_view text) {
  return hostler::Printable(text, "\n\t");
}

Context::Context(const Surroundings& surroundings, Globals globals) : surroundings_(surroundings), globals_(std::move(globals)) {
  // https://no-color.org: any value that is not empty switches colours off. HOSTLER_COLOR is about hostler alone.
  const std::string choice = Variable("HOSTLER_COLOR");
  const bool never = globals_.no_color || choice == "never" ||
                     (choice != "always" && (!Variable("NO_COLOR").empty() || Variable("TERM") == "dumb"));
  const bool always = !never && choice == "always";
  out_colored_ = always || (!never && surroundings_.out_is_terminal);
  err_colored_ = always || (!never && surroundings_.err_is_terminal);
}

std::string Context::Variable(const std::string& name) const {
  const auto found = surroundings_.environment.find(name);
  return found == surroundings_.environment.end() ? std::string() : found->second;
}

void Context::OutLine(std::string_view text) const {
  Out(std::string(text) + "\n");
}

void Context::Note(std::string_view line) const {
  EndProgress();
  surroundings_.err(std::string(line) + "\n");
}

void Context::Progress(std::string_view line) const {
  ProgressBlock({std::string(line)});
}

bool Context::shows_progress() const {
  return surroundings_.err_is_terminal && Variable("TERM") != "dumb";
}

void Context::ProgressBlock(const std::vector<std::string>& lines) const {
  if (!shows_progress() || lines.empty()) return;
  std::string text = Rewound();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += '\n';
    text += lines.size() == 1 ? lines[i] : CutTo(lines[i], static_cast<std::size_t>(std::max(surroundings_.width, 20)));
  }
  surroundings_.err(text);
  progress_lines_ = lines.size();
}

// Back to where the shown lines begin, and everything from there wiped.
std::string Context::Rewound() const {
  if (progress_lines_ > 1) return fmt::format("\r\x1b[{}A\x1b[J", progress_lines_ - 1);
  return "\r\x1b[K";
}

void Context::EndProgress() const {
  if (progress_lines_ == 0) return;
  surroundings_.err(Rewound());
  progress_lines_ = 0;
}

Result<bool> Context::Ask(std::string_view question) const {
  if (!surroundings_.in_is_terminal || !surroundings_.read_line) {
    return Fail(Error{Code::kConflict,
                      "nobody can be asked: standard input is no terminal",
                      "Add --yes to say yes beforehand.",
                      {},
                      "not_a_terminal"});
  }
  EndProgress();
  surroundings_.err(fmt::format("{} [y/N] ", question));
  HOSTLER_TRY(const std::string answer, surroundings_.read_line());
  const std::string_view word = Trim(answer);
  return EqualsIgnoringCase(word, "y") || EqualsIgnoringCase(word, "yes");
}

std::string Context::PaintIf(bool colored, Style style, std::string_view text) const {
  if (!colored || style == Style::kPlain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", Sgr(style), text);
}

std::string Context::Paint(Style style, std::string_view text) const {
  return PaintIf(out_colored_, style, text);
}

void Context::Report(const Error& error) const {
  EndProgress();
  if (error.code == Code::kCancelled) return;  // whoever pressed Ctrl-C knows
  const std::string field = error.field.empty() ? "" : error.field + ": ";
  surroundings_.err(
      fmt::format("{} {}{}\n", PaintIf(err_colored_, Style::kBad, "hostler:"), Printable(field), Printable(error.message)));
  if (!error.remedy.empty()) surroundings_.err(fmt::format("  → {}\n", Printable(error.remedy)));
  if (json()) OutLine(ErrorJson(error));
}

config::Flags Context::HomeFlags() const {
  config::Flags flags;
  if (!globals_.home.empty()) flags["home"] = globals_.home;
  return flags;
}

}  // namespace hostler::cli
