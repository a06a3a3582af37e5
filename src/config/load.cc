#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/models.h"
#include "config/node.h"

namespace hostler::config {
namespace {

constexpr std::uintmax_t kFileLimit = 1 << 20;  // bytes; no one writes a configuration that long by hand

// Variables that are hostler's but no configuration keys.
constexpr std::array<std::string_view, 7> kOtherVariables = {
    "HOSTLER_SERVER", "HOSTLER_HOME", "HOSTLER_CONFIG", "HOSTLER_FAKE", "HOSTLER_COLOR", "HOSTLER_PROVIDERS", "HOSTLER_GGML_CPU"};
constexpr std::string_view kEngineVariables = "HOSTLER_ENGINE_";  // hostler's own words to its engines

std::string Variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

// Where a value came from, for errors and for `config show`.
struct Source {
  Origin origin;
  std::string where;
};

Result<> Apply(const Key& key, const Node& node, const Source& source, const Context& context, Loaded& loaded) {
  if (!key.kind.read(loaded.config, node, context)) {
    const std::string remedy = source.origin == Origin::kEnvironment ? "Change or unset the variable."
                               : source.origin == Origin::kFlag      ? "Change the flag."
                                                                     : "Change the value in the file, or remove the line.";
    return Fail(Code::kInvalid,
                fmt::format("{}: {}: expected {}, got {}", source.where, key.key, key.kind.expected, Describe(node)), remedy);
  }
  for (Setting& setting : loaded.settings) {
    if (setting.key != key.key) continue;
    setting.origin = source.origin;
    setting.where = source.where;
  }
  return {};
}

// --- the file ---

Result<std::string> ReadFile(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error == std::errc::permission_denied) {
    return Fail(
        Code::kForbidden, fmt::format("{}: cannot be looked at: permission denied", path.string()),
        fmt::format("Give the user that runs hostler the rights to the folder {}, or name another with --home or --config.",
                    path.parent_path().string()));
  }
  if (!std::filesystem::exists(status)) {
    return Fail(Code::kNotFound, fmt::format("{}: there is no such configuration file", path.string()),
                "Give the right path with --config, or leave it out.");
  }
  if (std::filesystem::is_directory(status))
    return Fail(Code::kInvalid, fmt::format("{}: is a folder, not a configuration file", path.string()), "Give the file's path.");
  std::ifstream in(path, std::ios::binary);
  std::string text;
  char buffer[16384];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kFileLimit)
      return Fail(Code::kTooLarge, fmt::format("{}: larger than 1 MB", path.string()), "That is no configuration of hostler.");
  }
  if (!in.eof()) return Fail(Code::kInvalid, fmt::format("{}: cannot be read", path.string()), "Look at the file's permissions.");
  return text;
}

std::vector<std::string> Sections() {
  std::vector<std::string> names = {"model"};
  for (const Key& key : KeyTable()) {
    const std::string section = key.key.substr(0, key.key.find('.'));
    if (std::find(names.begin(), names.end(), section) == names.end()) names.push_back(section);
  }
  return names;
}

// The key that somebody who wrote `name` most likely meant: misspelt, or in the wrong section.
std::string Meant(const std::string& name) {
  const std::string leaf = name.substr(name.rfind('.') + 1);
  std::vector<std::string> all;
  for (const Key& key : KeyTable()) {
    if (key.key.substr(key.key.find('.') + 1) == leaf) return key.key;
    all.push_back(key.key);
  }
  if (name.find('.') != std::string::npos) return Nearest(name, all);
  std::vector<std::string> leaves;
  leaves.reserve(all.size());
  for (const std::string& key : all) leaves.push_back(key.substr(key.find('.') + 1));
  const std::string near = Nearest(name, leaves);
  const auto at = std::find(leaves.begin(), leaves.end(), near);
  return at == leaves.end() ? "" : all[static_cast<std::size_t>(at - leaves.begin())];
}

Error UnknownKey(const std::string& where, const std::string& name) {
  const std::string section = name.substr(0, name.find('.'));
  std::vector<std::string> siblings;
  for (const Key& key : KeyTable()) {
    if (key.key.starts_with(section + ".")) siblings.push_back(key.key);
  }
  const std::string meant = Meant(name);
  std::string remedy = "`hostler config show` lists every key.";
  if (!meant.empty())
    remedy = fmt::format("Did you mean {}?", meant);
  else if (!siblings.empty())
    remedy = "Known keys: " + Join(siblings, ", ") + ".";
  return Error{Code::kInvalid, fmt::format("{}: {}: unknown key", where, name), remedy, {}, {}};
}

Result<> ApplySection(const std::string& section, const Node& node, const std::string& file, const Context& context,
                      Loaded& loaded) {
  const std::string where = fmt::format("{}:{}", file, node.line);
  const auto sections = Sections();
  const auto* table = std::get_if<Node::Table>(&node.value);
  if (std::find(sections.begin(), sections.end(), section) == sections.end()) {
    if (table == nullptr) return Fail(UnknownKey(where, section));
    const std::string nearest = Nearest(section, sections);
    return Fail(Code::kInvalid, fmt::format("{}: {}: unknown section", where, section),
                nearest.empty() ? "Sections are: " + Join(sections, ", ") + "." : fmt::format("Did you mean [{}]?", nearest));
  }
  if (table == nullptr) {
    return Fail(Code::kInvalid, fmt::format("{}: {}: expected a section, got {}", where, section, Describe(node)),
                fmt::format("Write [{}] and its keys below.", section));
  }
  for (const auto& [name, value] : *table) {
    const std::string full = section + "." + name;
    const std::string line = fmt::format("{}:{}", file, value.line);
    const Key* key = FindKey(full);
    if (key == nullptr) return Fail(UnknownKey(line, full));
    HOSTLER_OK(Apply(*key, value, {Origin::kFile, line}, context, loaded));
  }
  return {};
}

Result<> ApplyFile(const std::filesystem::path& path, Context context, Loaded& loaded) {
  const std::string file = path.string();
  context.base = path.parent_path();
  HOSTLER_TRY(const std::string text, ReadFile(path));
  HOSTLER_TRY(const Node root, ParseToml(text, file));
  for (const auto& [name, node] : std::get<Node::Table>(root.value)) {
    if (name != "model") {
      HOSTLER_OK(ApplySection(name, node, file, context, loaded));
      continue;
    }
    HOSTLER_TRY(const auto models, ReadModels(node, file));
    for (const FileModel& model : models) {
      loaded.config.models.push_back(model.entry);
      loaded.settings.push_back({"model", ShowModel(model.entry), Origin::kFile, fmt::format("{}:{}", file, model.line),
                                 "A model of yours in the catalogue.", ""});
    }
  }
  return {};
}

// The file to read, absolute so that `config show` tells where it is; empty if there is none.
Result<std::filesystem::path> ChooseFile(const std::filesystem::path& file, const Environment& environment,
                                         const std::filesystem::path& home) {
  std::filesystem::path chosen = file.empty() ? std::filesystem::path(Variable(environment, "HOSTLER_CONFIG")) : file;
  std::error_code error;
  if (chosen.empty()) {
    chosen = home / "hostler.toml";
    if (!std::filesystem::exists(chosen, error) && !error) return std::filesystem::path();
  }
  const auto absolute = std::filesystem::absolute(chosen, error);
  if (error)
    return Fail(Code::kInvalid, fmt::format("{}: {}", chosen.string(), error.message()), "Give the right path with --config.");
  return absolute.lexically_normal();
}

// --- the environment and the flags ---

Result<> CheckVariables(const Environment& environment) {
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("HOSTLER_") || name.starts_with(kEngineVariables)) continue;
    if (std::find(kOtherVariables.begin(), kOtherVariables.end(), name) != kOtherVariables.end()) continue;
    std::vector<std::string> names(kOtherVariables.begin(), kOtherVariables.end());
    for (const Key& key : KeyTable()) names.push_back(key.variable);
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string nearest = Nearest(name, names);
    return Fail(Code::kInvalid, fmt::format("{}: hostler knows no such environment variable", name),
                nearest.empty() ? "`hostler config show` lists every variable." : fmt::format("Did you mean {}?", nearest));
  }
  return {};
}

Result<> ApplyEnvironment(const Environment& environment, const Context& context, Loaded& loaded) {
  for (const Key& key : KeyTable()) {
    std::string name = key.variable;
    if (key.key == "log.level" && Variable(environment, name).empty()) name = "LOG_LEVEL";
    const std::string text = Variable(environment, name);
    if (text.empty()) continue;
    HOSTLER_OK(Apply(key, Node{Node::Text{text}, 0}, {Origin::kEnvironment, name}, context, loaded));
  }
  return {};
}

Result<> ApplyFlags(const Flags& flags, const Context& context, Loaded& loaded) {
  for (const auto& [name, text] : flags) {
    if (name == "home") continue;
    const Key* key = FindKey(name);
    if (key == nullptr) return Fail(UnknownKey("command line", name));
    HOSTLER_OK(Apply(*key, Node{Node::Text{text}, 0}, {Origin::kFlag, key->flag}, context, loaded));
  }
  return {};
}

Setting HomeSetting(const std::filesystem::path& home, const Environment& environment, const Flags& flags) {
  Setting setting{"home", Quoted(home.string()), Origin::kDefault, "", "Folder of hostler's state.", "HOSTLER_HOME"};
  if (const auto flag = flags.find("home"); flag != flags.end() && !flag->second.empty()) {
    setting.origin = Origin::kFlag;
    setting.where = "--home";
  } else if (!Variable(environment, "HOSTLER_HOME").empty()) {
    setting.origin = Origin::kEnvironment;
    setting.where = "HOSTLER_HOME";
  }
  return setting;
}

}  // namespace

Result<std::filesystem::path> HomeFolder(const Environment& environment, const Flags& flags) {
  std::filesystem::path home;
  if (const auto flag = flags.find("home"); flag != flags.end()) home = flag->second;
  if (home.empty()) home = Variable(environment, "HOSTLER_HOME");
  if (home.empty()) {
    // The XDG specification: a relative path there is invalid and to be ignored.
    const std::filesystem::path state = Variable(environment, "XDG_STATE_HOME");
    if (state.is_absolute())
      home = state / "hostler";
    else if (!Variable(environment, "HOME").empty())
      home = std::filesystem::path(Variable(environment, "HOME")) / ".local/state/hostler";
  }
  if (home.empty())
    return Fail(Code::kInvalid, "cannot tell where hostler's folder is: neither HOSTLER_HOME nor HOME is set",
                "Give it with --home.");
  std::error_code error;
  auto absolute = std::filesystem::absolute(home, error);
  if (error)
    return Fail(Code::kInvalid, fmt::format("{}: {}", home.string(), error.message()), "Give an absolute path with --home.");
  return absolute.lexically_normal();
}

Result<Loaded> Load(const std::filesystem::path& file, const Environment& environment, const Flags& flags) {
  Loaded loaded;
  HOSTLER_TRY(loaded.config.home, HomeFolder(environment, flags));
  loaded.settings.push_back(HomeSetting(loaded.config.home, environment, flags));
  for (const Key& key : KeyTable()) loaded.settings.push_back({key.key, "", Origin::kDefault, "", key.meaning, key.variable});
  HOSTLER_OK(CheckVariables(environment));
  std::error_code ignored;
  const Context context{Variable(environment, "HOME"), std::filesystem::current_path(ignored)};
  HOSTLER_TRY(const std::filesystem::path chosen, ChooseFile(file, environment, loaded.config.home));
  if (!chosen.empty()) HOSTLER_OK(ApplyFile(chosen, context, loaded));
  HOSTLER_OK(ApplyEnvironment(environment, context, loaded));
  HOSTLER_OK(ApplyFlags(flags, context, loaded));
  for (Setting& setting : loaded.settings) {
    if (const Key* key = FindKey(setting.key); key != nullptr) setting.value = key->kind.show(loaded.config);
  }
  return loaded;
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

}  // namespace hostler::config
