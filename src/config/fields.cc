#include "config/fields.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::config {

Result<> Mismatch() {
  return Fail(Code::kInvalid, "");
}

Error UnknownKey(const Place& place, const std::string& key, int line, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(key, known);
  return {Code::kInvalid,
          fmt::format("{}:{}: {}.{}: unknown key", place.file, line, place.table, key),
          nearest.empty() ? fmt::format("A [[{}]] has: {}.", place.table, Join(known, ", "))
                          : fmt::format("Did you mean \"{}\"?", nearest),
          {},
          {}};
}

Error WrongValue(const Place& place, const std::string& key, const Node& value, const std::string& expected, const Error& why) {
  const std::string where = fmt::format("{}:{}: {}.{}: ", place.file, value.line, place.table, key);
  if (!why.message.empty()) return {Code::kInvalid, where + why.message, why.remedy, {}, {}};
  return {Code::kInvalid,
          where + fmt::format("expected {}, got {}", expected, Describe(value)),
          "Change the value in the file, or remove the line.",
          {},
          {}};
}

Result<std::vector<const Node*>> Tables(const Node& node, const Place& place) {
  const auto* items = std::get_if<Node::Array>(&node.value);
  if (items == nullptr) {
    return Fail(Code::kInvalid,
                fmt::format("{0}:{1}: {2}: expected [[{2}]] tables, got {3}", place.file, node.line, place.table, Describe(node)),
                fmt::format("Write [[{0}]] with double brackets, once for each {0}.", place.table));
  }
  std::vector<const Node*> tables;
  for (const Node& item : *items) {
    if (!std::holds_alternative<Node::Table>(item.value))
      return Fail(Code::kInvalid,
                  fmt::format("{}:{}: {}: expected a table, got {}", place.file, item.line, place.table, Describe(item)),
                  fmt::format("Write [[{}]].", place.table));
    tables.push_back(&item);
  }
  return tables;
}

Result<> RequireKeys(const Node& node, const std::vector<std::string>& required, const Place& place, const std::string& id) {
  const auto& table = std::get<Node::Table>(node.value);
  for (const std::string& key : required) {
    if (std::any_of(table.begin(), table.end(), [&](const auto& field) { return field.name == key; })) continue;
    std::string all = required.front();
    for (std::size_t i = 1; i < required.size(); ++i) all += (i + 1 == required.size() ? " and " : ", ") + required[i];
    return Fail(Code::kInvalid,
                fmt::format("{0}:{1}: {2}.{3}: missing; a [[{2}]]{4} needs it", place.file, node.line, place.table, key,
                            id.empty() ? "" : " of " + Quoted(id)),
                fmt::format("A [[{}]] needs {}.", place.table, all));
  }
  return {};
}

bool IsModelId(std::string_view id) {
  const auto length = Utf8Length(id);
  if (!length || *length == 0 || *length > 200 || id[0] == '/' || id[0] == '.' || id.find("..") != std::string_view::npos)
    return false;
  return std::none_of(id.begin(), id.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool IsPlainText(std::string_view text) {
  return text.size() <= 4096 &&
         std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool IsProvider(std::string_view text) {
  return !text.empty() && text.size() <= 100 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == std::string_view::npos;
}

bool IsEngine(std::string_view text) {
  if (text.starts_with('/')) return text.size() > 1 && IsPlainText(text);
  if (text == "llama-server") return true;
  constexpr std::string_view kPrefix = "hostler-engine-";
  return text.size() > kPrefix.size() && text.starts_with(kPrefix) &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

}  // namespace hostler::config
