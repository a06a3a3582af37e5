#include "lifecycle/lifecycle.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::lifecycle {

using model::MemoryState;

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
  MemoryState state = MemoryState::kUnloaded;
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

void Lifecycle::Returned(std::shared_ptr<engines::Handle> handle) {
  workshop_.control->Post([this, handle = std::move(handle)] {
    Record& record = *records_.at(handle->model);
    if (record.state != MemoryState::kUnloading || !record.instance || record.instance->handle() != handle) return;
    workshop_.control->Spawn(RunStop(record));
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

// --- control loop: steps -----------------------------------------------------------------------------------------------

std::vector<View> Lifecycle::Snapshot() {
  std::vector<View> views;
  views.reserve(records_.size());
  for (auto& [id, record] : records_) {
    if (std::erase_if(record->waiters, [](const Waiter& waiter) { return waiter.abandoned(); }) > 0) Publish(*record);
    View view;
    view.id = id;
    view.state = record->state;
    view.unload_asked = record->unload_asked;
    view.pinned = record->entry.pinned;
    view.waiting = record->waiters.size();
    view.oldest_wait = record->waiters.empty() ? 0 : record->waiters.front().number;
    view.restart = record->restart;
    view.not_before = record->not_before;
    if (record->instance) {
      view.leases = record->instance->handle()->gate.inside();
      view.last_used =
          Clock::time_point(Clock::duration(record->instance->handle()->last_used_ns.load(std::memory_order_relaxed)));
    }
    views.push_back(std::move(view));
  }
  return views;
}

void Lifecycle::Pump() {
  workshop_.control->AssertHere();
  if (shutting_down_) return;
  for (;;) {
    const Step step = NextStep(Snapshot(), options_.rules, Clock::now());
    if (step.kind == Step::Kind::kNone) return WakeAt(step.wake);
    Apply(step);
  }
}

void Lifecycle::WakeAt(std::optional<Clock::time_point> time) {
  wake_.cancel();
  if (!time) return;
  wake_.expires_at(*time);
  wake_.async_wait([this](boost::system::error_code ec) {
    if (!ec) Pump();
  });
}

void Lifecycle::Apply(const Step& step) {
  Record& record = *records_.at(step.model);
  switch (step.kind) {
    case Step::Kind::kStart:
      Move(record, MemoryState::kLoading, record.restart ? "restart after a crash" : "wanted");
      record.coming_back = std::exchange(record.restart, false);
      record.instance = std::make_unique<engines::Instance>(
          workshop_, record.entry, [this, &record](engines::Dossier dossier) { Crashed(record, std::move(dossier)); },
          [this, id = record.entry.id](const wire::LoadProgress& progress) {
            changes_.Append({id, "progress", progress.stage, progress.fraction.value});
          });
      workshop_.control->Spawn(RunStart(record));
      return;
    case Step::Kind::kDrain: return Drain(record, step.reason);
    case Step::Kind::kRefuse:
      return Refuse(record, Error{Code::kUnavailable,
                                  step.reason,
                                  "Unload a model, raise models.max_loaded, or set models.evict = \"lru\" and pin fewer.",
                                  {},
                                  "no_room"});
    case Step::Kind::kNone: return;
  }
}

void Lifecycle::Move(Record& record, MemoryState to, const std::string& reason) {
  record.state = to;
  if (to != MemoryState::kError) record.error.reset();
  const std::string kind = json::EnumName(to);
  workshop_.log->Info("{}: {}{}", record.entry.id, kind, reason.empty() ? "" : " (" + reason + ")");
  Publish(record);
  changes_.Append({record.entry.id, kind, reason});
  const bool in_memory =
      std::any_of(records_.begin(), records_.end(), [](const auto& item) { return item.second->instance != nullptr; });
  if (!in_memory) {
    for (Event* event : all_down_) event->Set();
  }
}

void Lifecycle::Publish(const Record& record) {
  Shown shown;
  shown.status.entry = record.entry;
  shown.status.state = record.state;
  shown.status.error = record.error ? record.error->message : "";
  shown.status.waiting = record.waiters.size();
  shown.status.load_receipt = record.load_receipt;
  if (record.state == MemoryState::kLoaded || record.state == MemoryState::kUnloading) {
    shown.status.memory_mb = record.load_receipt ? record.load_receipt->memory_after_mb : 0;
    shown.status.loaded_at = record.loaded_at;
  }
  if (record.instance) {
    shown.status.pid = record.instance->pid();
    shown.handle = record.instance->handle();
  }
  shown_.With([&](auto& all) { all[record.entry.id] = std::move(shown); });
}

void Lifecycle::Refuse(Record& record, const Error& error) {
  const auto waiters = std::move(record.waiters);
  record.waiters.clear();
  Publish(record);  // whoever gets the answer sees that nobody waits any more
  for (const Waiter& waiter : waiters) waiter.Fail(error);
}

void Lifecycle::ServeWaiters(Record& record) {
  const auto waiters = std::move(record.waiters);
  record.waiters.clear();
  Publish(record);  // whoever gets the answer sees that nobody waits any more
  for (const Waiter& waiter : waiters) {
    if (const auto* load = std::get_if<OutcomePromise>(&waiter.promise)) {
      load->Set(LoadOutcome{*record.load_receipt, false});
    } else if (auto lease = TryLease(record.entry.id)) {
      std::get<LeasePromise>(waiter.promise).Set(Result<Lease>(std::move(*lease)));
    }
  }
}

Task<> Lifecycle::RunStart(Record& record) {
  Result<model::Receipt> receipt = co_await record.instance->Start();
  if (!receipt) {
    StartFailed(record, receipt.error());
    co_return;
  }
  record.load_receipt = *receipt;
  record.loaded_at = WallClock::now();
  record.failures = 0;
  const auto handle = record.instance->handle();
  handle->last_used_ns.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  workshop_.log->Info("{}: memory {:.1f} MB, load time {:.2f} s", record.entry.id, receipt->memory_after_mb, receipt->seconds);
  ready_.With([&](auto& ready) { ready[record.entry.id] = handle; });  // ready is told after it is true
  Move(record, MemoryState::kLoaded, {});
  ServeWaiters(record);
  if (shutting_down_) Drain(record, "hostler is shutting down");
  Pump();
}

void Lifecycle::Drain(Record& record, const std::string& reason) {
  ready_.With([&](auto& ready) { ready.erase(record.entry.id); });
  record.leaving_for = reason;
  record.unload_asked = false;
  Move(record, MemoryState::kUnloading, reason);
  if (record.instance->handle()->gate.Shut()) workshop_.control->Spawn(RunStop(record));
}

Task<> Lifecycle::RunStop(Record& record) {
  const model::Receipt receipt = co_await record.instance->Stop();
  workshop_.log->Info("{}: memory freed {:.1f} MB, unload time {:.2f} s", record.entry.id, receipt.memory_before_mb,
                      receipt.seconds);
  Unloaded(record, receipt, record.leaving_for);
}

void Lifecycle::AnswerUnloads(Record& record, const Result<LoadOutcome>& outcome) {
  const auto waiters = std::exchange(record.unload_waiters, {});
  for (const OutcomePromise& waiter : waiters) waiter.Set(outcome);
}

void Lifecycle::Unloaded(Record& record, const model::Receipt& receipt, const std::string& reason) {
  record.instance.reset();
  record.load_receipt.reset();
  Move(record, MemoryState::kUnloaded, reason);
  AnswerUnloads(record, LoadOutcome{receipt, false});
  Pump();
}

// --- control loop: failures ----------------------------------------------------------------------------------------------

std::string Lifecycle::PlanRestart(Record& record, bool crashed, bool by_itself) {
  const auto now = Clock::now();
  if (crashed) record.crashes.push_back(now);
  while (!record.crashes.empty() && record.crashes.front() + options_.crash_window < now) record.crashes.pop_front();
  if (static_cast<int>(record.crashes.size()) >= options_.crash_limit) {
    record.restart = false;
    record.not_before = Clock::time_point::max();
    return fmt::format("it crashed {} times in {:.0f} minutes and stays down; `hostler load {}` tries again",
                       record.crashes.size(), Seconds(options_.crash_window) / 60, record.entry.id);
  }
  const int earlier = std::max(record.failures++, static_cast<int>(record.crashes.size()) - 1);
  const int doublings = std::clamp(earlier, 0, 6);
  const auto pause = options_.first_pause * (1 << doublings);
  record.not_before = now + pause;
  return by_itself ? fmt::format("hostler starts it again in {:.1f} s", Seconds(pause))
                   : fmt::format("hostler tries again with the next request, after {:.1f} s", Seconds(pause));
}

void Lifecycle::StartFailed(Record& record, const Error& error) {
  const bool crashed = record.instance->dossier().has_value();
  const std::string next = PlanRestart(record, crashed, record.coming_back);
  record.restart = record.coming_back && record.not_before != Clock::time_point::max();
  if (crashed) {
    engines::Dossier dossier = *record.instance->dossier();
    dossier.next = next;
    on_crash_(std::move(dossier));
  }
  record.instance.reset();
  record.error = error;
  workshop_.log->Error("{}: load failed: {}", record.entry.id, error.Text());
  Move(record, MemoryState::kError, error.message);
  Refuse(record, error);
  if (record.unload_asked) {  // somebody wanted it gone meanwhile: it is
    record.unload_asked = false;
    Unloaded(record, {}, "asked to");
    return;
  }
  Pump();
}

void Lifecycle::Crashed(Record& record, engines::Dossier dossier) {
  ready_.With([&](auto& ready) { ready.erase(record.entry.id); });
  const bool leaving = record.state == MemoryState::kUnloading;
  const std::string reason = dossier.reason;
  if (leaving) {
    dossier.next = "nothing: it was being unloaded";
  } else {
    dossier.next = PlanRestart(record, true, true);
    record.restart = record.not_before != Clock::time_point::max();
  }
  workshop_.log->Error("{}: {}; {}", record.entry.id, reason, dossier.next);
  const std::string id = dossier.id;
  const std::string next = dossier.next;
  on_crash_(std::move(dossier));
  if (leaving) return Unloaded(record, {}, reason);
  record.instance.reset();
  record.load_receipt.reset();
  record.error = Error{Code::kUnavailable, fmt::format("{}: {}; {}", record.entry.id, reason, next),
                       fmt::format("`hostler crashes {}` shows all that is known.", id), "model", "load_failed"};
  Move(record, MemoryState::kError, reason);
  Pump();
}

void Lifecycle::RefuseNew() {
  workshop_.control->AssertHere();
  shutting_down_ = true;
  wake_.cancel();
  const Error leaving{Code::kUnavailable, "hostler is shutting down", "Try again when it is back.", {}, {}};
  for (auto& [id, record] : records_) Refuse(*record, leaving);
}

Task<> Lifecycle::Shutdown(Clock::duration limit) {
  RefuseNew();
  bool any = false;
  for (auto& [id, record] : records_) {
    if (record->state == MemoryState::kLoaded) Drain(*record, "hostler is shutting down");
    any |= record->instance != nullptr;
  }
  if (!any) co_return;
  Event down;
  all_down_.push_back(&down);
  if (!co_await down.WaitFor(limit)) {
    for (auto& [id, record] : records_) {
      if (!record->instance) continue;
      workshop_.log->Warning("{}: still busy after {:.0f} s, killed", id, Seconds(limit));
      record->instance->Kill();
    }
    (void)co_await down.WaitFor(std::chrono::seconds(5));
  }
  std::erase(all_down_, &down);
}

}  // namespace hostler::lifecycle
