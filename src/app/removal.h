// Deleting a model in two steps: what would go and who would miss it, then exactly that. Both come from one function.
//
// Threads: any loop of the house; RunRemoval and KeepTrash on the tasks' loop.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/orders.h"
#include "references/references.h"
#include "store/removal.h"

namespace hostler::app {

// What the preflight shows.
struct Usage {
  Subject subject;
  store::RemovalPlan plan;
  bool is_installed = false;
  std::vector<std::string> blocked_by_collections;
  int user_preferences_count = 0;
  int llm_config_count = 0;
  bool is_default = false;  // a configured default, preloaded or pinned
  bool is_default_embedding_model = false;
  std::vector<std::string> loaded_as;  // model types that are in memory just now
  std::size_t leases = 0;              // requests that use it just now
  std::string scan_error;
  std::vector<std::string> warnings;
  [[nodiscard]] bool can_delete() const { return blocked_by_collections.empty(); }
  [[nodiscard]] bool requires_confirmation() const { return can_delete() && !warnings.empty(); }
  // Of everything above but the leases, which change with every request.
  [[nodiscard]] std::string Digest() const;
  // … and without what is in memory: the model may be loaded or put away before its turn comes.
  [[nodiscard]] std::string DigestOnDisk() const;
};

struct RemovalRequest {
  std::string id;
  std::string revision;  // empty: all
  std::string confirm;   // "", "true", or a digest
  bool unmanaged = false;
  bool at_once = false;  // not kept in the trash
};

// Why a deletion does not begin. Its wire form is a 409 of its own (spec/models.md section 9).
struct Refusal {
  std::string type;  // "cross_op_exclusion", "in_use_block", "requires_confirmation", "plan_changed"
  std::string detail;
  std::string remedy;
  std::optional<tasks::Record> active;
  std::optional<Usage> usage;
};

[[nodiscard]] Task<Result<Usage>> UsageOf(House& house, std::string id, std::string revision, bool unmanaged);

// Checks in this order: in the catalogue, another operation, not installed, in use, confirmation.
[[nodiscard]] Task<Result<std::variant<Begun, Refusal>>> StartRemoval(House& house, RemovalRequest request);

// The runner of deletions: checks everything again, lets the model go from memory, moves it into the trash.
[[nodiscard]] Task<Result<tasks::Ending>> RunRemoval(House& house, tasks::Handle& handle);

// Brings the newest removal of that model (or trash id) back.
[[nodiscard]] Task<Result<store::TrashItem>> Undo(House& house, std::string id);
[[nodiscard]] Task<std::vector<store::TrashItem>> TrashOf(House& house);
// Frees what is in the trash, all of it or one model's. Returns bytes.
[[nodiscard]] Task<Result<std::uint64_t>> PurgeTrash(House& house, std::string id);
// When an item's time is over; 0: kept for ever.
[[nodiscard]] double PurgedAt(const House& house, const store::TrashItem& item);

// At start, then whenever an item's time is over: frees it. Ends with its loop.
[[nodiscard]] Task<> KeepTrash(House& house);

}  // namespace hostler::app
