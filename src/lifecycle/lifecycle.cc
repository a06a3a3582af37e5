#include "lifecycle/lifecycle.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"
#include "lifecycle/record.h"

namespace hostler::lifecycle {

using model::MemoryState;

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    Return();
    handle_ = std::move(other.handle_);
    owner_ = other.owner_;
  }
  return *this;
}

void Lease::Return() {
  if (!handle_) return;
  auto handle = std::move(handle_);
  handle->last_used_ns.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  if (handle->gate.Leave() == Gate::Left::kShutAndEmpty) owner_->Returned(std::move(handle));
}

Lifecycle::Lifecycle(engines::Workshop& workshop, Options options, std::vector<model::Entry> entries,
                     events::Ring<Change>& changes, std::function<void(engines::Dossier)> on_crash)
    : workshop_(workshop),
      options_(options),
      changes_(changes),
      on_crash_(std::move(on_crash)),
      wake_(workshop.control->executor()) {
  for (model::Entry& entry : entries) {
    auto record = std::make_unique<Record>();
    record->entry = std::move(entry);
    Publish(*record);
    const model::ModelId id = record->entry.id;
    records_.emplace(id, std::move(record));
  }
}

Lifecycle::~Lifecycle() = default;

// --- any loop -------------------------------------------------------------------------------------------------------

Result<> Lifecycle::CheckKnown(const model::ModelId& id) const {
  if (shutting_down_) return Fail(Code::kUnavailable, "hostler is shutting down", "Try again when it is back.");
  const auto found = records_.find(id);  // the map itself never changes
  if (found != records_.end()) {
    if (found->second->entry.disk != model::DiskState::kProviderMissing) return {};
    const auto missing = engines::FindEngine(workshop_, found->second->entry);
    return std::unexpected(missing.error());
  }
  if (options_.explain) {
    if (auto why = options_.explain(id)) return std::unexpected(std::move(*why));
  }
  std::vector<std::string> ids;
  for (const auto& [known, record] : records_) ids.push_back(known);
  const std::string nearest = Nearest(id, ids);
  return Fail(
      Error{Code::kNotFound, fmt::format("there is no model \"{}\"", id),
            nearest.empty() ? "GET /models (or `hostler models`) lists them." : fmt::format("Did you mean \"{}\"?", nearest),
            "model", "model_not_found"});
}

std::optional<Lease> Lifecycle::TryLease(const model::ModelId& id) {
  std::shared_ptr<engines::Handle> handle = ready_.With([&](auto& ready) {
    const auto found = ready.find(id);
    return found == ready.end() ? nullptr : found->second;
  });
  if (!handle || handle->dead || !handle->gate.Enter()) return std::nullopt;
  return Lease(std::move(handle), this);
}

struct Lifecycle::CountOut {
  explicit CountOut(Lifecycle& lifecycle) : owner(lifecycle) {}
  ~CountOut() {
    if (!answered) owner.workshop_.control->Post([&owner = owner] { owner.Pump(); });
  }
  Lifecycle& owner;
  bool answered = false;
};

Task<Result<Lease>> Lifecycle::Acquire(model::ModelId id) {
  HOSTLER_CO_OK(CheckKnown(id));
  if (auto lease = TryLease(id)) co_return std::move(*lease);
  CountOut count_out(*this);  // destroyed after `answer`, when the promise is known to be abandoned
  OneShot<Result<Lease>> answer(co_await boost::asio::this_coro::executor);
  workshop_.control->Post([this, id, promise = answer.promise()] { Enqueue(*records_.at(id), promise); });
  Result<Lease> lease = co_await answer.Wait();
  count_out.answered = true;
  co_return lease;
}

Task<Result<LoadOutcome>> Lifecycle::Load(model::ModelId id) {
  HOSTLER_CO_OK(CheckKnown(id));
  CountOut count_out(*this);
  OneShot<Result<LoadOutcome>> answer(co_await boost::asio::this_coro::executor);
  workshop_.control->Post([this, id, promise = answer.promise()] { AskLoad(*records_.at(id), promise); });
  Result<LoadOutcome> outcome = co_await answer.Wait();
  count_out.answered = true;
  co_return outcome;
}

Task<Result<LoadOutcome>> Lifecycle::Unload(model::ModelId id) {
  HOSTLER_CO_OK(CheckKnown(id));
  CountOut count_out(*this);
  OneShot<Result<LoadOutcome>> answer(co_await boost::asio::this_coro::executor);
  workshop_.control->Post([this, id, promise = answer.promise()] { AskUnload(*records_.at(id), promise); });
  Result<LoadOutcome> outcome = co_await answer.Wait();
  count_out.answered = true;
  co_return outcome;
}

namespace {

// Lease counts and last use change without the control loop; they are read when somebody looks.
Status WithLiveFacts(Status status, const engines::Handle* handle) {
  if (handle == nullptr) return status;
  status.leases = handle->gate.inside();
  if (status.state == MemoryState::kLoaded) status.memory_mb = handle->memory_mb;
  if (const auto ns = handle->last_used_ns.load(std::memory_order_relaxed); ns != 0) {
    const auto age = Clock::now() - Clock::time_point(Clock::duration(ns));
    status.last_used_at = WallClock::now() - std::chrono::duration_cast<WallClock::duration>(age);
  }
  return status;
}

}  // namespace

std::vector<Status> Lifecycle::List() const {
  return shown_.With([](const auto& shown) {
    std::vector<Status> list;
    list.reserve(shown.size());
    for (const auto& [id, item] : shown) list.push_back(WithLiveFacts(item.status, item.handle.get()));
    return list;
  });
}

Result<Status> Lifecycle::Get(const model::ModelId& id) const {
  if (!records_.contains(id)) return std::unexpected(CheckKnown(id).error());
  return shown_.With([&](const auto& shown) { return WithLiveFacts(shown.at(id).status, shown.at(id).handle.get()); });
}

std::shared_ptr<const engines::Handle> Lifecycle::Loaded(const model::ModelId& id) const {
  return ready_.With([&](const auto& ready) -> std::shared_ptr<const engines::Handle> {
    const auto found = ready.find(id);
    return found == ready.end() ? nullptr : found->second;
  });
}

std::size_t Lifecycle::LoadedCount() const {
  return ready_.With([](const auto& ready) { return ready.size(); });
}

const model::Entry* Lifecycle::EntryOf(const model::ModelId& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second->entry;
}

std::vector<model::ModelId> Lifecycle::LoadedOf(model::ModelType type) const {
  return ready_.With([&](const auto& ready) {
    std::vector<model::ModelId> ids;
    for (const auto& [id, handle] : ready) {
      if (records_.at(id)->entry.type == type) ids.push_back(id);  // entries are fixed
    }
    return ids;
  });
}

void Lifecycle::Returned(std::shared_ptr<engines::Handle> handle) {
  workshop_.control->Post([this, handle = std::move(handle)] {
    Record& record = *records_.at(handle->model);
    if (record.state != MemoryState::kUnloading || !record.instance || record.instance->handle() != handle) return;
    workshop_.control->Spawn(RunStop(record, handle));
  });
}

// --- control loop: what people and requests ask ------------------------------------------------------------------------

void Lifecycle::Enqueue(Record& record, LeasePromise promise) {
  const auto refuse = [&](Code code, std::string message, std::string remedy, std::string name) {
    promise.Set(Result<Lease>(Fail(Error{code, std::move(message), std::move(remedy), "model", std::move(name)})));
  };
  if (auto lease = TryLease(record.entry.id)) {
    promise.Set(Result<Lease>(std::move(*lease)));
    return;
  }
  std::erase_if(record.waiters, [](const Waiter& waiter) { return waiter.abandoned(); });
  if (shutting_down_) return refuse(Code::kUnavailable, "hostler is shutting down", "Try again when it is back.", {});
  if (!options_.autoload && record.state != MemoryState::kLoading) {
    return refuse(Code::kConflict, fmt::format("the model \"{}\" is not loaded", record.entry.id),
                  fmt::format("Load it first (`hostler load {}`), or set models.autoload = true.", record.entry.id),
                  "not_loaded");
  }
  if (record.state == MemoryState::kError && !record.restart && record.not_before > Clock::now()) {
    promise.Set(Result<Lease>(std::unexpected(*record.error)));
    return;
  }
  if (record.waiters.size() >= options_.max_waiting) {
    return refuse(Code::kBusy, fmt::format("{} requests already wait for \"{}\"", record.waiters.size(), record.entry.id),
                  "Try again later.", {});
  }
  record.waiters.push_back({next_queue_number_++, std::move(promise)});
  Publish(record);
  Pump();
  const bool no_start = record.state == MemoryState::kUnloaded || record.state == MemoryState::kError;
  if (no_start && record.waiters.size() == 1)
    changes_.Append({record.entry.id, "queued", "waits for room or for its pause to end"});
}

void Lifecycle::AskLoad(Record& record, OutcomePromise promise) {
  if (shutting_down_) {
    promise.Set(Result<LoadOutcome>(Fail(Code::kUnavailable, "hostler is shutting down", "Try again when it is back.")));
    return;
  }
  if (record.state != MemoryState::kUnloading) {
    record.unload_asked = false;
    AnswerUnloads(record,
                  Result<LoadOutcome>(Fail(Code::kConflict, fmt::format("\"{}\" was asked to load again", record.entry.id),
                                           "Unload it again if it shall go.")));
  }
  if (record.state == MemoryState::kLoaded) {
    promise.Set(LoadOutcome{*record.load_receipt, true});
    return;
  }
  if (record.waiters.size() >= options_.max_waiting) {
    promise.Set(Result<LoadOutcome>(
        Fail(Code::kBusy, fmt::format("{} requests already wait for \"{}\"", record.waiters.size(), record.entry.id),
             "Try again later.")));
    return;
  }
  // A person acts: what went wrong before no longer holds it back.
  record.crashes.clear();
  record.failures = 0;
  record.not_before = {};
  record.waiters.push_back({next_queue_number_++, std::move(promise)});
  Pump();
}

void Lifecycle::AskUnload(Record& record, OutcomePromise promise) {
  record.restart = false;
  switch (record.state) {
    case MemoryState::kError:
      Move(record, MemoryState::kUnloaded, "dismissed");
      promise.Set(LoadOutcome{{}, false});
      return;
    case MemoryState::kUnloaded: promise.Set(LoadOutcome{{}, true}); return;
    case MemoryState::kLoading:
    case MemoryState::kLoaded: record.unload_asked = true; [[fallthrough]];
    case MemoryState::kUnloading:
      std::erase_if(record.unload_waiters, [](const OutcomePromise& waiter) { return waiter.abandoned(); });
      record.unload_waiters.push_back(std::move(promise));
      Pump();
  }
}

}  // namespace hostler::lifecycle
