// Who gets loaded, who has to go: a pure function over a snapshot. It remembers nothing and touches nothing, so it can be
// asked again at any time and played like a game in tests and under a fuzzer (policy_test.cc, fuzz/policy_fuzz.cc).
//
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "model/model.h"

namespace hostler::lifecycle {

// What the policy knows of one model.
struct View {
  model::ModelId id;
  model::MemoryState state = model::MemoryState::kUnloaded;  // kUnloading includes waiting for the last leases
  bool unload_asked = false;                                 // a person said unload
  bool pinned = false;
  std::size_t leases = 0;
  std::size_t waiting = 0;        // requests and loads in the queue
  std::uint64_t oldest_wait = 0;  // queue number of the longest waiting one; lower is older; 0 if none waits
  bool restart = false;           // it crashed and is to come back by itself
  Clock::time_point not_before;   // error state: no start before this moment
  Clock::time_point last_used;
};

struct Rules {
  int max_loaded = 0;  // 0: no limit
  config::Evict evict = config::Evict::kLru;
  Clock::duration idle_timeout = Clock::duration::zero();  // 0: never
};

struct Step {
  enum class Kind {
    kNone,    // at rest; look again at `wake` or when something changes
    kStart,   // start `model`
    kDrain,   // stop leasing `model`, unload it when its leases are back; `reason` says for what
    kRefuse,  // tell everybody who waits for `model` why it cannot be loaded
  };
  Kind kind = Kind::kNone;
  model::ModelId model;
  std::string reason;
  std::optional<Clock::time_point> wake;
};

// The next single step. Apply it to the snapshot and ask again until kNone. Rules it keeps:
//   - never more than max_loaded models in memory (loading and unloading ones count);
//   - the longest waiting model goes first; nobody overtakes it for the last place;
//   - a pinned model is never drained, a leased one only loses its right to new leases;
//   - idle models go before busy ones, the longest unused first; no more are drained than are needed.
[[nodiscard]] Step NextStep(const std::vector<View>& models, const Rules& rules, Clock::time_point now);

}  // namespace hostler::lifecycle
