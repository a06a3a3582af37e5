#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "config/config.h"

namespace hostler::cli {
namespace {

struct SettingRow {
  std::string key;
  std::string value;
  config::Origin origin = config::Origin::kDefault;
  std::string where;
  std::string meaning;
  std::string variable;
};
BOOST_DESCRIBE_STRUCT(SettingRow, (), (key, value, origin, where, meaning, variable))

struct SettingList {
  std::vector<SettingRow> settings;
};
BOOST_DESCRIBE_STRUCT(SettingList, (), (settings))

}  // namespace

Result<int> RunConfigShow(const Context& context, const ConfigOptions& options) {
  auto loaded = config::Load(options.config, context.surroundings().environment, context.HomeFlags());
  if (!loaded) {
    loaded.error().name = kConfiguration;
    return std::unexpected(std::move(loaded).error());
  }
  SettingList list;
  Table table({"KEY", "VALUE", "FROM"});
  for (const config::Setting& setting : loaded->settings) {
    list.settings.push_back({setting.key, setting.value, setting.origin, setting.where, setting.meaning, setting.variable});
    const bool is_default = setting.origin == config::Origin::kDefault;
    table.Add(
        {setting.key, Cell(setting.value, is_default ? Style::kPlain : Style::kStrong), is_default ? "default" : setting.where});
  }
  if (context.json())
    context.OutLine(json::ToJson(list));
  else
    table.Print(context);
  return kExitOk;
}

}  // namespace hostler::cli
