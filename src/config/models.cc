#include "config/models.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/keys.h"

namespace hostler::config {
namespace {

bool IsPlainText(std::string_view text) {
  return text.size() <= 4096 &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool IsProvider(std::string_view text) {
  return !text.empty() && text.size() <= 100 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == std::string_view::npos;
}

// A program of the engines folder, or a path; never something that a shell or a PATH would look up.
bool IsEngine(std::string_view text) {
  if (text.starts_with('/')) return text.size() > 1 && IsPlainText(text);
  constexpr std::string_view kPrefix = "hostler-engine-";
  return text.size() > kPrefix.size() && text.starts_with(kPrefix) &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

bool IsAbsolutePath(std::string_view text) {
  return text.starts_with('/') && IsPlainText(text);
}

// One key of a [[model]] table.
struct Field {
  std::string name;
  std::string expected;
  Result<> (*read)(model::Entry&, const Node&);  // an empty message: not what was expected
};

Result<> Mismatch() {
  return Fail(Code::kInvalid, "");
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

const std::vector<Field>& Fields() {
  using E = model::Entry;
  static const std::vector<Field> fields = {
      {"id", std::string(kModelIdRule), ReadText<&E::id, IsModelId>},
      {"type", "one of " + Join(json::EnumNames<model::ModelType>(), ", "), ReadType},
      {"engine", "the name of an engine like \"hostler-engine-x\", or an absolute path", ReadText<&E::engine, IsEngine>},
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

Result<> ReadField(model::Entry& entry, const std::string& name, const Node& node, const std::string& file) {
  std::vector<std::string> names;
  for (const Field& field : Fields()) {
    names.push_back(field.name);
    if (field.name != name) continue;
    auto read = field.read(entry, node);
    if (read) return {};
    const std::string where = fmt::format("{}:{}: model.{}: ", file, node.line, name);
    if (!read.error().message.empty()) return Fail(Code::kInvalid, where + read.error().message, read.error().remedy);
    return Fail(Code::kInvalid, where + fmt::format("expected {}, got {}", field.expected, Describe(node)),
                "Change the value in the file, or remove the line.");
  }
  const std::string nearest = Nearest(name, names);
  return Fail(Code::kInvalid, fmt::format("{}:{}: model.{}: unknown key", file, node.line, name),
              nearest.empty() ? "A [[model]] has: " + Join(names, ", ") + "." : fmt::format("Did you mean \"{}\"?", nearest));
}

Result<FileModel> ReadModel(const Node& node, const std::string& file) {
  const auto* table = std::get_if<Node::Table>(&node.value);
  if (table == nullptr)
    return Fail(Code::kInvalid, fmt::format("{}:{}: model: expected a table, got {}", file, node.line, Describe(node)),
                "Write [[model]].");
  FileModel model;
  model.line = node.line;
  model.entry.provider = "custom";
  for (const auto& [name, value] : *table) HOSTLER_OK(ReadField(model.entry, name, value, file));
  for (const std::string_view required : {"id", "type", "engine"}) {
    if (std::any_of(table->begin(), table->end(), [&](const auto& field) { return field.name == required; })) continue;
    const std::string id = model.entry.id.empty() ? "" : " of " + Quoted(model.entry.id);
    return Fail(Code::kInvalid, fmt::format("{}:{}: model.{}: missing; a [[model]]{} needs it", file, node.line, required, id),
                "A [[model]] needs id, type and engine.");
  }
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
  const auto* items = std::get_if<Node::Array>(&node.value);
  if (items == nullptr) {
    return Fail(Code::kInvalid, fmt::format("{}:{}: model: expected [[model]] tables, got {}", file, node.line, Describe(node)),
                "Write [[model]] with double brackets, once for each model.");
  }
  std::vector<FileModel> models;
  for (const Node& item : *items) {
    HOSTLER_TRY(FileModel model, ReadModel(item, file));
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
