#include <fmt/format.h>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/shapes.h"
#include "cli/table.h"

namespace hostler::cli {
namespace {

struct StatusDocument {
  std::string server;
  json::Nullable<std::string> home;
  json::Any health;
  std::vector<json::Any> models;  // the loaded ones
};
BOOST_DESCRIBE_STRUCT(StatusDocument, (), (server, home, health, models))

struct AnyModels {
  std::vector<json::Any> models;
};
BOOST_DESCRIBE_STRUCT(AnyModels, (), (models))

Result<int> PrintDocument(const Context& context, const Target& target, const std::string& health, const std::string& models) {
  StatusDocument document;
  document.server = target.url;
  if (!target.home.empty()) document.home = target.home.string();
  HOSTLER_TRY(document.health, json::ParseDom(health));
  HOSTLER_TRY(const AnyModels all, Read<AnyModels>(models));
  for (const json::Any& model : all.models) {
    const auto* object = model.if_object();
    const auto* state = object == nullptr ? nullptr : object->if_contains("state");
    if (state != nullptr && state->is_string() && state->get_string() == "loaded") document.models.push_back(model);
  }
  context.OutLine(json::ToJson(document));
  return 0;
}

}  // namespace

Result<int> RunStatus(const Context& context) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  Api api(session, target);
  HOSTLER_TRY(const std::string health_text, api.Get("/health"));
  HOSTLER_TRY(const std::string models_text, api.Get("/models"));
  HOSTLER_TRY(const Health health, Read<Health>(health_text));
  HOSTLER_TRY(const ModelList models, Read<ModelList>(models_text));
  if (context.json()) return PrintDocument(context, target, health_text, models_text);
  context.OutLine(fmt::format("server   {}  {}", target.url, context.Paint(Style::kGood, Printable(health.status))));
  context.OutLine(fmt::format("version  {}", Printable(health.version)));
  context.OutLine(fmt::format("up       {}", Span(health.uptime_s)));
  if (!target.home.empty()) context.OutLine(fmt::format("home     {}", target.home.string()));
  Table table({"MODEL", "TYPE", ">MEMORY", "LAST USED"});
  double sum = 0;
  for (const ModelRow& model : models.models) {
    if (model.state != "loaded") continue;
    sum += model.memory_mb.value.value_or(0);
    table.Add({model.id, model.type, Megabytes(model.memory_mb), Ago(model.last_used_at)});
  }
  context.OutLine(fmt::format("loaded   {} of {} models, {}", table.size(), models.models.size(), Megabytes(sum)));
  if (table.size() > 0) {
    context.OutLine("");
    table.Print(context);
  }
  return 0;
}

Result<int> RunVersion(const Context& context) {
  if (context.json())
    context.OutLine(json::ToJson(std::map<std::string, std::string>{{"version", HOSTLER_VERSION}}));
  else
    context.OutLine("hostler " HOSTLER_VERSION);
  return 0;
}

}  // namespace hostler::cli
