// What goes wrong, and the end: failed starts, crashes, shutting down.
#include <algorithm>

#include <fmt/format.h>

#include "lifecycle/lifecycle.h"
#include "lifecycle/record.h"

namespace hostler::lifecycle {

using model::MemoryState;

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
  if (error.name == "not_downloaded" || error.name == "being_deleted") {  // nothing was begun, and nothing is broken
    record.instance.reset();
    Move(record, MemoryState::kUnloaded, error.message);
    Refuse(record, error);
    AnswerUnloads(record, LoadOutcome{});
    return Pump();
  }
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
  const std::string remedy = engines::RemedyOf(dossier);
  const std::string next = dossier.next;
  on_crash_(std::move(dossier));
  if (leaving) return Unloaded(record, {}, reason);
  record.instance.reset();
  record.load_receipt.reset();
  record.error =
      Error{Code::kUnavailable, fmt::format("{}: {}; {}", record.entry.id, reason, next), remedy, "model", "load_failed"};
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
