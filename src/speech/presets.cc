#include "speech/presets.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/fields.h"
#include "config/node.h"
#include "os/files.h"

namespace hostler::speech {
namespace {

using config::Field;
using config::Mismatch;
using config::Node;

constexpr std::uint64_t kLongestFile = 1 << 20;  // bytes

template <std::string Preset::* member>
Result<> ReadText(Preset& preset, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr || text->empty() || !config::IsPlainText(*text)) return Mismatch();
  preset.*member = *text;
  return {};
}

Result<> ReadModel(Preset& preset, const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr || !config::IsModelId(*text)) return Mismatch();
  preset.model = *text;
  return {};
}

Result<> ReadSpeed(Preset& preset, const Node& node) {
  if (const auto* real = std::get_if<double>(&node.value))
    preset.speed = *real;
  else if (const auto* whole = std::get_if<std::int64_t>(&node.value))
    preset.speed = static_cast<double>(*whole);
  else
    return Mismatch();
  return preset.speed >= 0.25 && preset.speed <= 4 ? Result<>() : Mismatch();
}

}  // namespace

Result<std::vector<Preset>> ReadPresets(const std::filesystem::path& file) {
  std::vector<Preset> presets;
  if (file.empty()) return presets;
  static const std::vector<Field<Preset>> fields = {{"name", "a text", ReadText<&Preset::name>},
                                                    {"voice", "the name of a voice", ReadText<&Preset::voice>},
                                                    {"model", std::string(config::kModelIdRule), ReadModel},
                                                    {"speed", "a number from 0.25 to 4", ReadSpeed},
                                                    {"description", "a text", ReadText<&Preset::description>}};
  HOSTLER_TRY(const std::string text, os::ReadFile(file, kLongestFile));
  HOSTLER_TRY(const Node root, config::ParseToml(text, file.string()));
  const config::Place place{file.string(), "preset"};
  for (const auto& [name, node] : std::get<Node::Table>(root.value)) {
    if (name != "preset") return Fail(config::UnknownKey({file.string(), ""}, name, node.line, {"preset"}));
    HOSTLER_TRY(const auto tables, config::Tables(node, place));
    for (const Node* table : tables) {
      Preset preset;
      HOSTLER_OK(config::ReadFields(preset, *table, fields, place));
      HOSTLER_OK(config::RequireKeys(*table, {"name", "voice"}, place, preset.name));
      if (std::ranges::any_of(presets, [&](const Preset& other) { return other.name == preset.name; })) {
        return Fail(Code::kInvalid, fmt::format("{}:{}: there are two presets \"{}\"", file.string(), table->line, preset.name),
                    "Give one of them another name.");
      }
      presets.push_back(std::move(preset));
    }
  }
  return presets;
}

}  // namespace hostler::speech
