// What the control loop knows of one model. Internal to this room.
//
// Owner: Lifecycle. Threads: the control loop.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lifecycle/lifecycle.h"

namespace hostler::lifecycle {

// One request or load in a model's queue.
struct Lifecycle::Waiter {
  std::uint64_t number = 0;
  std::variant<LeasePromise, OutcomePromise> promise;

  [[nodiscard]] bool abandoned() const {
    return std::visit([](const auto& p) { return p.abandoned(); }, promise);
  }
  void Fail(const Error& error) const {
    if (const auto* lease = std::get_if<LeasePromise>(&promise))
      lease->Set(Result<Lease>(std::unexpected(error)));
    else
      std::get<OutcomePromise>(promise).Set(Result<LoadOutcome>(std::unexpected(error)));
  }
};

struct Lifecycle::Record {
  model::Entry entry;
  model::MemoryState state = model::MemoryState::kUnloaded;
  std::unique_ptr<engines::Instance> instance;
  std::deque<Waiter> waiters;
  std::vector<OutcomePromise> unload_waiters;
  bool unload_asked = false;
  std::string leaving_for;  // why it is unloading
  std::optional<Error> error;
  std::optional<model::Receipt> load_receipt;
  std::optional<WallClock::time_point> loaded_at;
  std::deque<Clock::time_point> crashes;  // in the crash window
  int failures = 0;                       // in a row
  bool restart = false;                   // it crashed and is to come back by itself
  bool coming_back = false;               // this start is such a return
  Clock::time_point not_before{};
};

}  // namespace hostler::lifecycle
