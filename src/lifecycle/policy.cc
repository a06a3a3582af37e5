#include "lifecycle/policy.h"

#include <algorithm>

#include <fmt/format.h>

namespace hostler::lifecycle {
namespace {

using model::MemoryState;

bool OccupiesMemory(const View& view) {
  return view.state == MemoryState::kLoading || view.state == MemoryState::kLoaded || view.state == MemoryState::kUnloading;
}
bool IsLeaving(const View& view) {
  return view.state == MemoryState::kUnloading;
}

// Wants a place in memory: somebody waits for it, or it crashed and is to come back.
bool WantsIn(const View& view) {
  return !OccupiesMemory(view) && (view.waiting > 0 || view.restart);
}

void Earlier(std::optional<Clock::time_point>& wake, Clock::time_point time) {
  if (!wake || time < *wake) wake = time;
}

// Who waits comes first, in the order of waiting; those that only come back after a crash wait behind them.
std::vector<const View*> Queue(const std::vector<View>& models) {
  std::vector<const View*> queue;
  for (const View& view : models) {
    if (WantsIn(view)) queue.push_back(&view);
  }
  std::stable_sort(queue.begin(), queue.end(), [](const View* a, const View* b) {
    if ((a->waiting > 0) != (b->waiting > 0)) return a->waiting > 0;
    return a->oldest_wait < b->oldest_wait;
  });
  return queue;
}

// Whom to put away: idle ones before busy ones, the longest unused first. Null if everybody is pinned or on the way.
const View* Victim(const std::vector<View>& models) {
  const View* best = nullptr;
  for (const View& view : models) {
    if (view.state != MemoryState::kLoaded || view.pinned) continue;
    if (best == nullptr || std::pair(view.leases > 0, view.last_used) < std::pair(best->leases > 0, best->last_used))
      best = &view;
  }
  return best;
}

std::string Names(const std::vector<View>& models) {
  std::string names;
  for (const View& view : models) {
    if (OccupiesMemory(view)) names += (names.empty() ? "" : ", ") + view.id + (view.pinned ? " (pinned)" : "");
  }
  return names;
}

// Somebody waits and there is no room: make some, wait for what is on its way, or refuse.
Step MakeRoom(const std::vector<View>& models, const Rules& rules, const View& wanted) {
  const auto refuse = [&](std::string_view why) {
    return Step{Step::Kind::kRefuse,
                wanted.id,
                fmt::format("no room for {}: {} of {} models are loaded ({}) and {}", wanted.id,
                            std::count_if(models.begin(), models.end(), OccupiesMemory), rules.max_loaded, Names(models), why),
                {}};
  };
  if (rules.evict == config::Evict::kNone) return refuse("models.evict is \"none\"");
  if (const View* victim = Victim(models)) return Step{Step::Kind::kDrain, victim->id, "to make room for " + wanted.id, {}};
  const bool all_pinned =
      std::all_of(models.begin(), models.end(), [](const View& view) { return !OccupiesMemory(view) || view.pinned; });
  if (all_pinned) return refuse("all of them are pinned");
  return Step{};  // something is loading: it can be a victim once it is loaded
}

Step StepForQueue(const std::vector<View>& models, const Rules& rules, Clock::time_point now,
                  std::optional<Clock::time_point>& wake) {
  const auto occupied = static_cast<int>(std::count_if(models.begin(), models.end(), OccupiesMemory));
  auto leaving = static_cast<int>(std::count_if(models.begin(), models.end(), IsLeaving));
  const bool room = rules.max_loaded <= 0 || occupied < rules.max_loaded;
  for (const View* wanted : Queue(models)) {
    if (wanted->state == MemoryState::kError && wanted->not_before > now) {
      Earlier(wake, wanted->not_before);
      continue;
    }
    if (room) return Step{Step::Kind::kStart, wanted->id, {}, {}};
    if (wanted->waiting == 0) continue;  // coming back by itself pushes nobody out
    if (leaving-- > 0) continue;         // a place is being made for this one
    if (const Step step = MakeRoom(models, rules, *wanted); step.kind != Step::Kind::kNone) return step;
    return Step{};  // nobody overtakes
  }
  return Step{};
}

}  // namespace

Step NextStep(const std::vector<View>& models, const Rules& rules, Clock::time_point now) {
  std::optional<Clock::time_point> wake;
  for (const View& view : models) {
    if (view.state != MemoryState::kLoaded) continue;
    if (view.unload_asked) return Step{Step::Kind::kDrain, view.id, "asked to", {}};
    if (rules.idle_timeout <= Clock::duration::zero() || view.pinned) continue;
    const auto end = (view.leases > 0 ? now : view.last_used) + rules.idle_timeout;
    if (end <= now) return Step{Step::Kind::kDrain, view.id, fmt::format("unused for {:.0f} s", Seconds(rules.idle_timeout)), {}};
    Earlier(wake, end);
  }
  Step step = StepForQueue(models, rules, now, wake);
  if (step.kind == Step::Kind::kNone) step.wake = wake;
  return step;
}

}  // namespace hostler::lifecycle
