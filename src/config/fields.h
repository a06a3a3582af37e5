// Reads a TOML table into a struct, key by key, with errors that say where: FILE:LINE: TABLE.KEY: expected …, got …
//
// For this room, and for rooms that read a TOML file of their own. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/node.h"

namespace hostler::config {

// One key that a table may have.
template <class T>
struct Field {
  std::string name;
  std::string expected;               // "an integer from 0 to 9", for errors
  Result<> (*read)(T&, const Node&);  // an error without a message (Mismatch): not what was expected
};

[[nodiscard]] Result<> Mismatch();

struct Place {
  std::string file;   // "/home/x/models.toml"
  std::string table;  // "model", for [[model]]
};

[[nodiscard]] Error UnknownKey(const Place& place, const std::string& key, int line, const std::vector<std::string>& known);
// `why` as the field's `read` gave it.
[[nodiscard]] Error WrongValue(const Place& place, const std::string& key, const Node& value, const std::string& expected,
                               const Error& why);

// Each member of the table, in the file's order. REQUIRES: `node` is a table.
template <class T>
[[nodiscard]] Result<> ReadFields(T& into, const Node& node, const std::vector<Field<T>>& fields, const Place& place) {
  for (const auto& [name, value] : std::get<Node::Table>(node.value)) {
    std::vector<std::string> names;
    const Field<T>* field = nullptr;
    for (const Field<T>& each : fields) {
      names.push_back(each.name);
      if (each.name == name) field = &each;
    }
    if (field == nullptr) return Fail(UnknownKey(place, name, value.line, names));
    if (auto read = field->read(into, value); !read) return Fail(WrongValue(place, name, value, field->expected, read.error()));
  }
  return {};
}

// What stands under the key `place.table`: tables, written [[TABLE]].
[[nodiscard]] Result<std::vector<const Node*>> Tables(const Node& node, const Place& place);
// REQUIRES: `node` is a table. `id` names it in the error, if it is not empty.
[[nodiscard]] Result<> RequireKeys(const Node& node, const std::vector<std::string>& required, const Place& place,
                                   const std::string& id);

// What a model may be called: 1 to 200 characters, no control characters, no "..", not starting with "/" or ".".
inline constexpr std::string_view kModelIdRule =
    "a model id (1 to 200 characters, without control characters or \"..\", not starting with \"/\" or \".\")";
[[nodiscard]] bool IsModelId(std::string_view id);

// At most 4096 bytes without control characters.
[[nodiscard]] bool IsPlainText(std::string_view text);
// A name of letters, digits, dots, dashes and underscores.
[[nodiscard]] bool IsProvider(std::string_view text);
// `hostler-engine-…` of the engines folder, or an absolute path; never something that a shell or a PATH would look up.
[[nodiscard]] bool IsEngine(std::string_view text);

}  // namespace hostler::config
