// The one table of everything that can be set: adding a key is one line in keys.cc.
//
// Internal to this room. Built once, read only afterwards; any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/fields.h"
#include "config/node.h"

namespace hostler::config {

// What paths in a value are relative to.
struct Context {
  std::filesystem::path user_folder;  // for a leading ~/; empty if unknown
  std::filesystem::path base;         // for relative paths
};

// What a key takes, and which member of Config it goes to.
struct Kind {
  std::string expected;                                            // "an integer from 0 to 65535", for errors
  std::function<bool(Config&, const Node&, const Context&)> read;  // false: not what was expected, and nothing was changed
  std::function<std::string(const Config&)> show;                  // as it would stand in the file
  bool is_switch = false;
};

struct Key {
  std::string key;
  std::string flag;
  std::string variable;
  Kind kind;
  std::string meaning;
};

[[nodiscard]] const std::vector<Key>& KeyTable();
[[nodiscard]] const Key* FindKey(std::string_view name);

}  // namespace hostler::config
