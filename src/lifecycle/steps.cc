// How the life cycle moves: snapshot, next step, start, drain, stop.
#include <algorithm>

#include <fmt/format.h>

#include "lifecycle/lifecycle.h"
#include "lifecycle/record.h"

namespace hostler::lifecycle {

using model::MemoryState;

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
  const auto handle = record.instance->handle();
  if (handle->gate.Shut()) workshop_.control->Spawn(RunStop(record, handle));
}

Task<> Lifecycle::RunStop(Record& record, std::shared_ptr<engines::Handle> handle) {
  // It may have crashed between the order and this turn, and somebody else may be there in its place.
  if (record.state != MemoryState::kUnloading || !record.instance || record.instance->handle() != handle) co_return;
  const model::Receipt receipt = co_await record.instance->Stop();
  if (record.instance->dossier()) co_return Crashed(record, *record.instance->dossier());
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

}  // namespace hostler::lifecycle
