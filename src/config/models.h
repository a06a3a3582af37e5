// The [[model]] tables of the file: what the user adds to the catalogue.
//
// Internal to this room. Pure functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "config/node.h"
#include "model/model.h"

namespace hostler::config {

struct FileModel {
  model::Entry entry;
  int line = 0;  // of its [[model]]
};

// `node` is what stands under the key `model`; `file` names the file in errors.
[[nodiscard]] Result<std::vector<FileModel>> ReadModels(const Node& node, const std::string& file);

// One entry as an inline table, for `hostler config show`.
[[nodiscard]] std::string ShowModel(const model::Entry& entry);

}  // namespace hostler::config
