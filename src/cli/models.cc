#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/shapes.h"
#include "cli/table.h"
#include "model/model.h"

namespace hostler::cli {
namespace {

struct AnyModels {
  std::vector<json::Any> models;
};
BOOST_DESCRIBE_STRUCT(AnyModels, (), (models))

Style StyleOf(const std::string& state) {
  if (state == "loaded") return Style::kGood;
  if (state == "loading" || state == "unloading") return Style::kWarning;
  return state == "error" ? Style::kBad : Style::kPlain;
}

Result<> CheckType(const std::string& type) {
  const auto names = json::EnumNames<model::ModelType>();
  if (type.empty() || std::find(names.begin(), names.end(), type) != names.end()) return {};
  return UsageError(fmt::format("there is no model type \"{}\"", type), "Types are: " + Join(names, ", ") + ".");
}

// The server's list, unchanged but for the models of other types.
Result<int> PrintJson(const Context& context, const std::string& body, const std::string& type) {
  if (type.empty()) {
    context.OutLine(body);
    return 0;
  }
  HOSTLER_TRY(AnyModels all, Read<AnyModels>(body));
  std::erase_if(all.models, [&](const json::Any& model) {
    const auto* value = model.is_object() ? model.get_object().if_contains("type") : nullptr;
    return value == nullptr || !value->is_string() || value->get_string() != type;
  });
  context.OutLine(json::ToJson(all));
  return 0;
}

}  // namespace

Result<int> RunModels(const Context& context, const ModelsOptions& options) {
  HOSTLER_OK(CheckType(options.type));
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  HOSTLER_TRY(const std::string body, Api(session, std::move(target)).Get("/models"));
  HOSTLER_TRY(const ModelList list, Read<ModelList>(body));
  if (context.json()) return PrintJson(context, body, options.type);
  Table table({"MODEL", "TYPE", "PROVIDER", "STATE", ">MEMORY", "DESCRIPTION"});
  for (const ModelRow& model : list.models) {
    if (!options.type.empty() && model.type != options.type) continue;
    const std::string note = model.error.value ? *model.error.value : model.description;
    table.Add({Cell(model.id + (model.pinned.value.value_or(false) ? " (pinned)" : ""), Style::kStrong), model.type,
               model.provider, Cell(model.badge, StyleOf(model.state)), Megabytes(model.memory_mb), note});
  }
  if (table.size() == 0)
    context.OutLine(options.type.empty() ? "no models" : "no models of type " + options.type);
  else
    table.Print(context);
  return 0;
}

Result<int> RunPs(const Context& context) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  HOSTLER_TRY(const std::string body, Api(session, std::move(target)).Get("/api/ps"));
  HOSTLER_TRY(const RunningList list, Read<RunningList>(body));
  if (context.json()) {
    context.OutLine(body);
    return 0;
  }
  Table table({"MODEL", "TYPE", "BACKEND", "DEVICE", ">PID", ">MEMORY", ">LEASES", "LOADED", "LAST USED", "UNLOADS IN"});
  for (const RunningRow& row : list.models) {
    table.Add({Cell(row.model + (row.is_default.value.value_or(false) ? " (default)" : ""), Style::kStrong), row.type,
               row.backend, row.device.value.value_or("-"), row.pid.value ? std::to_string(*row.pid.value) : "-",
               Megabytes(row.memory_mb), row.leases.value ? std::to_string(*row.leases.value) : "-", Ago(row.loaded_at),
               Ago(row.last_used_at), row.ttl_remaining.value ? Span(*row.ttl_remaining.value) : "never"});
  }
  if (table.size() == 0)
    context.OutLine("no model is loaded");
  else
    table.Print(context);
  return 0;
}

}  // namespace hostler::cli
