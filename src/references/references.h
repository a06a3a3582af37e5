// Who would miss a model: collections, preferences, LLM configurations of other programs, as they registered them.
//
// Owner: hostlerd. Threads: calls block on the database; call them on the database's thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "db/db.h"
#include "model/model.h"

namespace hostler::references {

enum class Kind { kCollection, kPreference, kLlmConfig };
BOOST_DESCRIBE_ENUM(Kind, kCollection, kPreference, kLlmConfig)

struct Reference {
  std::string holder;  // which program: "semantik"
  Kind kind = Kind::kCollection;
  std::string name;  // what of it: a collection's name
  std::string model_id;
  friend bool operator==(const Reference&, const Reference&) = default;
};
BOOST_DESCRIBE_STRUCT(Reference, (), (holder, kind, name, model_id))

class References {
 public:
  explicit References(db::Database& database);
  // Replaces what (holder, kind, name) referred to.
  [[nodiscard]] Result<> Put(const Reference& reference);
  // Empty members match everything of that holder. Returns how many went.
  [[nodiscard]] Result<std::size_t> Drop(const std::string& holder, std::optional<Kind> kind,
                                         const std::optional<std::string>& name);
  [[nodiscard]] Result<std::vector<Reference>> List(const std::optional<std::string>& holder);
  [[nodiscard]] Result<std::vector<Reference>> Of(const model::ModelId& id);
  // All, by model, in one query.
  [[nodiscard]] Result<std::map<model::ModelId, std::vector<Reference>>> ByModel();

 private:
  db::Database& database_;
};

}  // namespace hostler::references
