#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/shapes.h"
#include "cli/shelf.h"
#include "cli/table.h"

namespace hostler::cli {
namespace {

struct AnyVoices {
  std::vector<json::Any> voices;
};
BOOST_DESCRIBE_STRUCT(AnyVoices, (), (voices))

// "en" is every English, "en-us" that one.
bool Speaks(std::string_view language, std::string_view wanted) {
  if (wanted.empty()) return true;
  const std::string has = Lower(language);
  const std::string wants = Lower(wanted);
  return has == wants || has.starts_with(wants + "-") || has.starts_with(wants + "_");
}

std::string LanguageOf(const json::Any& voice) {
  const auto* language = voice.is_object() ? voice.get_object().if_contains("language") : nullptr;
  return language != nullptr && language->is_string() ? std::string(language->get_string()) : std::string();
}

std::string VoicesTarget(const std::string& model) {
  return "/api/tts/voices" + (model.empty() ? "" : "?model=" + PercentEncode(model));
}

}  // namespace

Result<int> RunVoices(const Context& context, const VoicesOptions& options) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  HOSTLER_TRY(const std::string body, Api(session, std::move(target)).Get(VoicesTarget(options.model)));
  if (context.json()) {
    HOSTLER_TRY(AnyVoices all, Read<AnyVoices>(body));
    std::erase_if(all.voices, [&](const json::Any& voice) { return !Speaks(LanguageOf(voice), options.language); });
    context.OutLine(json::ToJson(all));
    return 0;
  }
  HOSTLER_TRY(const VoiceList list, Read<VoiceList>(body));
  Table table({"VOICE", "NAME", "LANGUAGE", "GENDER", "MODEL"});
  for (const VoiceRow& voice : list.voices) {
    if (!Speaks(voice.language.value.value_or(""), options.language)) continue;
    table.Add({Cell(voice.id, Style::kStrong), voice.name.value.value_or("-"), voice.language.value.value_or("-"),
               voice.gender.value.value_or("-"), voice.model.value.value_or("-")});
  }
  if (table.size() == 0)
    context.OutLine(options.language.empty() ? "no voices" : "no voices for " + options.language);
  else
    table.Print(context);
  return 0;
}

Result<int> RunCompleteWords(const Context& context, const std::string& what) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  Api api(session, std::move(target));
  const auto body = api.Get(what == "voices" ? "/api/tts/voices" : "/models");
  if (!body) return kExitOk;  // a shell that completes has no place for errors
  if (what == "voices") {
    HOSTLER_TRY(const VoiceList list, Read<VoiceList>(*body));
    for (const VoiceRow& voice : list.voices) context.OutLine(Printable(voice.id));
    return kExitOk;
  }
  HOSTLER_TRY(const ModelList list, Read<ModelList>(*body));
  std::set<std::string> ids;
  for (const ModelRow& model : list.models) ids.insert(model.id);
  // What can be fetched and deleted as well; a server of an older version has no such list.
  if (const auto catalogue = api.Get("/api/v2/models")) {
    HOSTLER_TRY(const CatalogueList known, Read<CatalogueList>(*catalogue));
    for (const CatalogueRow& row : known.models) ids.insert(row.id);
  }
  for (const std::string& id : ids) context.OutLine(Printable(id));
  return kExitOk;
}

}  // namespace hostler::cli
