// Learns what a built-in model can do while it is not loaded: an engine is started for the question and stopped again, one at a
// time, once per model, however many ask. A failure is remembered for a while: each question would start an engine in vain.
//
// Owner: hostlerd. Threads: Ask() from a coroutine on any loop; the work is done on the control loop.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "async/one_shot.h"
#include "base/guarded.h"
#include "engines/instance.h"

namespace hostler::engines {

struct Abilities {
  wire::Capabilities capabilities;
  std::vector<wire::Voice> voices;
};

class Prober {
 public:
  static constexpr Clock::duration kPause = std::chrono::minutes(1);  // after a failure: until then it is the answer

  // `on_crash` gets the dossier of an engine that died of the question, on the control loop.
  Prober(Workshop& workshop, std::function<void(Dossier)> on_crash) : workshop_(workshop), on_crash_(std::move(on_crash)) {}
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  [[nodiscard]] Task<Result<Abilities>> Ask(model::Entry entry);

 private:
  using Promise = OneShot<Result<Abilities>>::Promise;
  struct Question {
    model::Entry entry;
    std::vector<Promise> waiters;
  };
  void Enqueue(model::Entry entry, const Promise& promise);
  Task<> Work();
  [[nodiscard]] Task<Result<Abilities>> StartAndAsk(model::Entry entry);
  [[nodiscard]] std::optional<Abilities> Known(const model::ModelId& id) const;

  Workshop& workshop_;
  const std::function<void(Dossier)> on_crash_;
  Guarded<std::map<model::ModelId, Abilities>> known_;
  struct Failure {
    Error error;
    Clock::time_point until;
  };
  std::map<model::ModelId, Failure> failed_;  // control loop
  std::deque<Question> questions_;            // control loop; at most one per model
  bool working_ = false;
};

}  // namespace hostler::engines
