#include "conform/conform.h"

#include <fmt/format.h>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace hostler::cli {
namespace {

struct CheckRow {
  std::string requirement;
  std::string outcome;
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(CheckRow, (), (requirement, outcome, detail))

struct ReportDocument {
  std::string engine;
  bool passed = false;
  std::vector<CheckRow> checks;
};
BOOST_DESCRIBE_STRUCT(ReportDocument, (), (engine, passed, checks))

std::string OutcomeName(conform::Outcome outcome) {
  switch (outcome) {
    case conform::Outcome::kOk: return "ok";
    case conform::Outcome::kFailed: return "failed";
    case conform::Outcome::kSkipped: return "skipped";
  }
  return "";
}

void Print(const Context& context, const conform::Check& check) {
  const Style style = check.outcome == conform::Outcome::kFailed    ? Style::kBad
                      : check.outcome == conform::Outcome::kSkipped ? Style::kDim
                                                                    : Style::kPlain;
  context.OutLine(context.Paint(style, Printable(conform::Text(check))));
}

}  // namespace

Result<int> RunConform(const Context& context, const ConformOptions& options) {
  auto target = conform::Target::Parse(options.engine);
  if (!target) return UsageError(target.error().message, target.error().remedy);
  conform::Options checks;
  std::error_code ec;
  if (!target->program.empty() && std::filesystem::exists(options.model, ec))
    checks.files = std::filesystem::canonical(options.model, ec);
  else
    checks.model = options.model;
  checks.on_check = [&](const conform::Check& check) {
    if (!context.json()) Print(context, check);
  };
  Session session;
  const bool is_address = target->program.empty();
  auto walked = session.Wait(conform::Conform(std::move(*target), std::move(checks)));
  if (!walked) {
    if (is_address && walked.error().code == Code::kUnavailable) walked.error().name = kNoServer;
    return std::unexpected(std::move(walked).error());
  }
  const conform::Report& report = *walked;
  ReportDocument document{options.engine, report.passed(), {}};
  std::size_t failed = 0;
  for (const conform::Check& check : report.checks) {
    if (check.outcome == conform::Outcome::kFailed) ++failed;
    document.checks.push_back({check.requirement, OutcomeName(check.outcome), check.detail});
  }
  if (context.json())
    context.OutLine(json::ToJson(document));
  else
    context.Note(fmt::format("{}: {} checks, {} failed", options.engine, report.checks.size(), failed));
  return report.passed() ? kExitOk : kExitFailed;
}

}  // namespace hostler::cli
