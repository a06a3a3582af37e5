// A TOML document as a plain tree that remembers its lines, so that every later error can say where.
//
// For this room, and for rooms that read a TOML file of their own. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hostler::config {

struct Node {
  // From the environment or a flag: the key decides what type it is.
  struct Text {
    std::string text;
  };
  // A TOML date or time. No key takes one; it is kept to be named in the error.
  struct Date {};
  using Array = std::vector<Node>;
  struct Member;
  using Table = std::vector<Member>;  // in the file's order

  std::variant<bool, std::int64_t, double, std::string, Text, Date, Array, Table> value;
  int line = 0;  // 0: not from a file
};

struct Node::Member {
  std::string name;
  Node node;
};

// `name` is what errors call the document: "/home/x/hostler.toml:3: …".
[[nodiscard]] Result<Node> ParseToml(std::string_view text, const std::string& name);

// What a value is, for errors: `"abc"`, `70000`, `a table`, `an array`.
[[nodiscard]] std::string Describe(const Node& node);

// Any value as JSON; kInvalid for dates, for numbers JSON does not have, and for more nesting than JSON readers take.
[[nodiscard]] Result<json::Any> ToJsonValue(const Node& node, int depth = 0);

// `text` as a TOML string.
[[nodiscard]] std::string Quoted(std::string_view text);

}  // namespace hostler::config
