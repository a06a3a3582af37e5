#include "config/models.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/fields.h"

namespace hostler::config {
namespace {

bool IsAbsolutePath(std::string_view text) {
  return text.starts_with('/') && IsPlainText(text);
}

template <std::string model::Entry::* member, bool (*good)(std::string_view)>
Result<> ReadText(model::Entry& entry, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr || !good(*text)) return Mismatch();
  entry.*member = *text;
  return {};
}

Result<> ReadType(model::Entry& entry, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  const auto type = text == nullptr ? std::nullopt : json::EnumFromName<model::ModelType>(*text);
  if (!type) return Mismatch();
  entry.type = *type;
  return {};
}

Result<> ReadOptions(model::Entry& entry, const Node& node) {
  if (!std::holds_alternative<Node::Table>(node.value)) return Mismatch();
  HOSTLER_TRY(entry.options, ToJsonValue(node));
  return {};
}

template <std::optional<int> model::Entry::* member>
Result<> ReadLimit(model::Entry& entry, const Node& node) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (value == nullptr || *value < 0 || *value > (1 << 30)) return Mismatch();
  entry.*member = static_cast<int>(*value);
  return {};
}

Result<> ReadPinned(model::Entry& entry, const Node& node) {
  const auto* pinned = std::get_if<bool>(&node.value);
  if (pinned == nullptr) return Mismatch();
  entry.pinned = *pinned;
  return {};
}

const std::vector<Field<model::Entry>>& Fields() {
  using E = model::Entry;
  static const std::vector<Field<model::Entry>> fields = {
      {"id", std::string(kModelIdRule), ReadText<&E::id, IsModelId>},
      {"type", "one of " + Join(json::EnumNames<model::ModelType>(), ", "), ReadType},
      {"engine", "\"llama-server\", the name of an engine like \"hostler-engine-x\", or an absolute path",
       ReadText<&E::engine, IsEngine>},
      {"provider", "a name of letters, digits, dots, dashes and underscores", ReadText<&E::provider, IsProvider>},
      {"engine_model", "the engine's own name for the model, as text on one line", ReadText<&E::engine_model, IsPlainText>},
      {"path", "the absolute path of the model's file or folder", ReadText<&E::path, IsAbsolutePath>},
      {"description", "text on one line", ReadText<&E::description, IsPlainText>},
      {"options", "a table", ReadOptions},
      {"max_memory_mb", "an integer from 0 to 1073741824", ReadLimit<&E::max_memory_mb>},
      {"max_processes", "an integer from 0 to 1073741824", ReadLimit<&E::max_processes>},
      {"pinned", "true or false", ReadPinned},
  };
  return fields;
}

Result<FileModel> ReadModel(const Node& node, const Place& place) {
  FileModel model;
  model.line = node.line;
  model.entry.provider = "custom";
  HOSTLER_OK(ReadFields(model.entry, node, Fields(), place));
  HOSTLER_OK(RequireKeys(node, {"id", "type", "engine"}, place, model.entry.id));
  return model;
}

// TOML has no null; leaving a member out says the same.
std::string ShowValue(const json::Any& value) {
  if (const auto* object = value.if_object()) {
    std::vector<std::string> parts;
    for (const auto& member : *object) parts.push_back(Quoted(member.key()) + " = " + ShowValue(member.value()));
    return parts.empty() ? "{}" : "{ " + Join(parts, ", ") + " }";
  }
  if (const auto* array = value.if_array()) {
    std::vector<std::string> parts;
    for (const json::Any& item : *array) parts.push_back(ShowValue(item));
    return "[" + Join(parts, ", ") + "]";
  }
  if (const auto* text = value.if_string()) return Quoted(std::string_view(*text));
  if (const auto* real = value.if_double()) {
    const std::string text = fmt::format("{}", *real);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;  // it stays a floating-point number
  }
  return boost::json::serialize(value);
}

}  // namespace

Result<std::vector<FileModel>> ReadModels(const Node& node, const std::string& file) {
  const Place place{file, "model"};
  HOSTLER_TRY(const auto tables, Tables(node, place));
  std::vector<FileModel> models;
  for (const Node* table : tables) {
    HOSTLER_TRY(FileModel model, ReadModel(*table, place));
    const auto same =
        std::find_if(models.begin(), models.end(), [&](const FileModel& other) { return other.entry.id == model.entry.id; });
    if (same != models.end()) {
      return Fail(
          Code::kInvalid,
          fmt::format("{}:{}: model.id: {} is already there, on line {}", file, model.line, Quoted(model.entry.id), same->line),
          "Give each [[model]] an id of its own.");
    }
    models.push_back(std::move(model));
  }
  return models;
}

std::string ShowModel(const model::Entry& entry) {
  std::string out = fmt::format("{{ id = {}, type = {}, engine = {}, provider = {}", Quoted(entry.id),
                                Quoted(json::EnumName(entry.type)), Quoted(entry.engine), Quoted(entry.provider));
  if (!entry.engine_model.empty()) out += ", engine_model = " + Quoted(entry.engine_model);
  if (!entry.path.empty()) out += ", path = " + Quoted(entry.path);
  if (!entry.description.empty()) out += ", description = " + Quoted(entry.description);
  if (entry.options.is_object() && !entry.options.get_object().empty()) out += ", options = " + ShowValue(entry.options);
  if (entry.max_memory_mb) out += fmt::format(", max_memory_mb = {}", *entry.max_memory_mb);
  if (entry.max_processes) out += fmt::format(", max_processes = {}", *entry.max_processes);
  if (entry.pinned) out += ", pinned = true";
  return out + " }";
}

}  // namespace hostler::config
