// The life of every model: who is loaded, who waits, who has to go.
//
// Requests call Acquire() from any loop: if the model is ready that costs one lock and one atomic operation, otherwise the
// request waits in the model's queue. Everything else happens on the control loop. Owner: hostlerd.
//
//   unloaded -> loading -> loaded -> unloading -> unloaded
//                  |          |          (drained first: no new leases, the last one back opens the way)
//                  +-> error <+ crash       error -> loading (a request or a load, after a pause) | unloaded (unload)
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "async/one_shot.h"
#include "base/guarded.h"
#include "engines/instance.h"
#include "events/ring.h"
#include "lifecycle/policy.h"

namespace hostler::lifecycle {

class Lifecycle;

// Permission for one request to use an instance. Moves; giving it up (destroying it) may let a draining model go.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { Return(); }

  [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }
  [[nodiscard]] const engines::Handle& operator*() const { return *handle_; }
  [[nodiscard]] const engines::Handle* operator->() const { return handle_.get(); }
  // For work that must keep the handle's facts beyond the lease; it gives no right to use the instance.
  [[nodiscard]] std::shared_ptr<const engines::Handle> handle() const { return handle_; }

 private:
  friend class Lifecycle;
  Lease(std::shared_ptr<engines::Handle> handle, Lifecycle* owner) : handle_(std::move(handle)), owner_(owner) {}
  void Return();
  std::shared_ptr<engines::Handle> handle_;
  Lifecycle* owner_ = nullptr;
};

// What everybody may see of a model.
struct Status {
  model::Entry entry;
  model::MemoryState state = model::MemoryState::kUnloaded;
  std::string error;     // of the last failure, until the next action
  double memory_mb = 0;  // measured after the load; 0 if not loaded
  std::optional<WallClock::time_point> loaded_at;
  std::optional<WallClock::time_point> last_used_at;
  std::size_t leases = 0;
  std::size_t waiting = 0;
  pid_t pid = 0;
  std::optional<model::Receipt> load_receipt;  // of the last load
};

struct LoadOutcome {
  model::Receipt receipt;
  bool already = false;  // nothing had to be done
};

// A change that somebody may want to see live.
struct Change {
  model::ModelId model;
  std::string kind;    // "queued", "loading", "loaded", "unloading", "unloaded", "error", "progress", "shutting_down"
  std::string reason;  // why, for people; of "progress": the stage
  std::optional<double> fraction = {};  // of "progress": 0 to 1, if known
};

struct Options {
  Rules rules;
  bool autoload = true;                                   // Acquire() may load
  std::size_t max_waiting = 1000;                         // per model; more is kBusy
  Clock::duration first_pause = std::chrono::seconds(1);  // after a crash; doubles
  int crash_limit = 3;                                    // in `crash_window`: then it stays in error until a person acts
  Clock::duration crash_window = std::chrono::minutes(10);
  // Why a model that nobody here can run is not known, if somebody does know it; any loop.
  std::function<std::optional<Error>(const model::ModelId&)> explain;
};

class Lifecycle {
 public:
  // `entries`: every model there is. `on_crash` gets each dossier, on the control loop, completed with what was done.
  Lifecycle(engines::Workshop& workshop, Options options, std::vector<model::Entry> entries, events::Ring<Change>& changes,
            std::function<void(engines::Dossier)> on_crash);
  ~Lifecycle();  // REQUIRES: Shutdown() has finished, or the control loop no longer runs
  Lifecycle(const Lifecycle&) = delete;
  Lifecycle& operator=(const Lifecycle&) = delete;

  // --- any loop; cancel the waiting coroutine to leave the queue ---
  // A lease on `id`, loading it first if need be and allowed. Errors: kNotFound, kUnsupported (provider_missing), kConflict
  // (not_loaded, with autoload off), kBusy, kUnavailable (no room, in error, shutting down), whatever the load said.
  [[nodiscard]] Task<Result<Lease>> Acquire(model::ModelId id);
  [[nodiscard]] Task<Result<LoadOutcome>> Load(model::ModelId id);
  // Waits for running requests of that model and for nothing else. Of a model in error: dismisses the error.
  [[nodiscard]] Task<Result<LoadOutcome>> Unload(model::ModelId id);

  [[nodiscard]] std::vector<Status> List() const;
  [[nodiscard]] Result<Status> Get(const model::ModelId& id) const;
  [[nodiscard]] bool Knows(const model::ModelId& id) const { return records_.contains(id); }
  // What it was made with, which never changes; null if it is not known. Costs one look.
  [[nodiscard]] const model::Entry* EntryOf(const model::ModelId& id) const;
  [[nodiscard]] std::size_t LoadedCount() const;
  [[nodiscard]] std::vector<model::ModelId> LoadedOf(model::ModelType type) const;
  // What is known of a loaded model (abilities, voices), without a lease; null if it is not loaded.
  [[nodiscard]] std::shared_ptr<const engines::Handle> Loaded(const model::ModelId& id) const;

  // Refuses new work and everybody who waits; what runs goes on. On the control loop.
  void RefuseNew();
  // Waits for leases up to `limit`, stops every engine. On the control loop.
  [[nodiscard]] Task<> Shutdown(Clock::duration limit);

 private:
  friend class Lease;
  struct Record;
  struct Waiter;

  void Returned(std::shared_ptr<engines::Handle> handle);
  // Made beside a wait in a queue: when it is left without an answer, those that are left count at once.
  struct CountOut;
  [[nodiscard]] std::optional<Lease> TryLease(const model::ModelId& id);
  [[nodiscard]] Result<> CheckKnown(const model::ModelId& id) const;

  // All below: control loop only.
  using LeasePromise = OneShot<Result<Lease>>::Promise;
  using OutcomePromise = OneShot<Result<LoadOutcome>>::Promise;
  void Enqueue(Record& record, LeasePromise promise);
  void AskLoad(Record& record, OutcomePromise promise);
  void AskUnload(Record& record, OutcomePromise promise);
  void Pump();  // applies NextStep until it is at rest
  void Apply(const Step& step);
  void Move(Record& record, model::MemoryState to, const std::string& reason);
  void Publish(const Record& record);
  void Drain(Record& record, const std::string& reason);
  void Refuse(Record& record, const Error& error);  // everybody who waits for it
  void ServeWaiters(Record& record);
  void Crashed(Record& record, engines::Dossier dossier);
  void StartFailed(Record& record, const Error& error);
  void Unloaded(Record& record, const model::Receipt& receipt, const std::string& reason);
  // After a failure: how long to pause, or for ever after too many crashes. Returns it as text for people.
  // `by_itself`: it comes back without a request.
  std::string PlanRestart(Record& record, bool crashed, bool by_itself);
  void AnswerUnloads(Record& record, const Result<LoadOutcome>& outcome);  // everybody who waits for one
  [[nodiscard]] std::vector<View> Snapshot();
  Task<> RunStart(Record& record);
  Task<> RunStop(Record& record, std::shared_ptr<engines::Handle> handle);
  void WakeAt(std::optional<Clock::time_point> time);

  engines::Workshop& workshop_;
  const Options options_;
  events::Ring<Change>& changes_;
  const std::function<void(engines::Dossier)> on_crash_;

  std::map<model::ModelId, std::unique_ptr<Record>> records_;  // fixed after construction; what is in them: control loop
  Guarded<std::map<model::ModelId, std::shared_ptr<engines::Handle>>> ready_;  // leasable right now
  struct Shown {
    Status status;
    std::shared_ptr<engines::Handle> handle;
  };
  Guarded<std::map<model::ModelId, Shown>> shown_;
  std::atomic<bool> shutting_down_{false};
  std::uint64_t next_queue_number_ = 1;
  boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor> wake_;
  std::vector<Event*> all_down_;  // set once nothing is in memory any more; Shutdown() waits on it
};

}  // namespace hostler::lifecycle
