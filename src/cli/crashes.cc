#include <cmath>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/shapes.h"
#include "cli/table.h"

namespace hostler::cli {
namespace {

// A value in one line.
std::string Inline(const json::Any& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* number = value.if_double()) return fmt::format("{:.2f}", *number);
  return boost::json::serialize(value);
}

std::string Moment(const json::Nullable<json::Any>& time) {
  if (!time.value) return "-";
  if (!time.value->is_number()) return Inline(*time.value);
  const auto seconds = std::chrono::duration<double>(time.value->to_number<double>());
  return LogTime(WallClock::time_point(std::chrono::duration_cast<WallClock::duration>(seconds)));
}

// A document for people: `key: value`, deeper levels indented, texts of a list one per line.
void Outline(const json::Any& value, int depth, std::string& out) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  const auto item = [&](const std::string& label, const json::Any& inner) {
    const bool nested = (inner.is_object() && !inner.get_object().empty()) || (inner.is_array() && !inner.get_array().empty());
    out += indent + label + (nested ? "\n" : " " + Printable(Inline(inner)) + "\n");
    if (nested) Outline(inner, depth + 1, out);
  };
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) item(Printable(std::string(member.key())) + ":", member.value());
  } else if (const auto* array = value.if_array()) {
    for (const json::Any& inner : *array) {
      if (inner.is_string())
        out += indent + Printable(Inline(inner)) + "\n";
      else
        item("-", inner);
    }
  } else {
    out += indent + Printable(Inline(value)) + "\n";
  }
}

Result<int> ShowOne(const Context& context, Api& api, const std::string& id) {
  HOSTLER_TRY(const std::string body, api.Get("/api/crashes/" + PercentEncode(id)));
  if (context.json()) {
    context.OutLine(body);
    return 0;
  }
  HOSTLER_TRY(const json::Any dossier, json::ParseDom(body));
  std::string text;
  Outline(dossier, 0, text);
  context.Out(text);
  return 0;
}

}  // namespace

Result<int> RunCrashes(const Context& context, const CrashesOptions& options) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  Api api(session, std::move(target));
  if (!options.id.empty()) return ShowOne(context, api, options.id);
  HOSTLER_TRY(const std::string body, api.Get("/api/crashes"));
  HOSTLER_TRY(const CrashList list, Read<CrashList>(body));
  if (context.json()) {
    context.OutLine(body);
    return 0;
  }
  Table table({"CRASH", "MODEL", "TIME", "REASON"});
  for (const CrashRow& crash : list.crashes) {
    table.Add({Cell(Inline(crash.id), Style::kStrong), crash.model.value.value_or("-"), Moment(crash.time),
               crash.reason.value.value_or("-")});
  }
  if (table.size() == 0)
    context.OutLine("no engine has crashed");
  else
    table.Print(context);
  return 0;
}

}  // namespace hostler::cli
