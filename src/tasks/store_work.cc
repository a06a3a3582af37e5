#include "tasks/store_work.h"

#include <cmath>

#include "base/clock.h"
#include "tasks/owner.h"

namespace hostler::tasks {
namespace {

enum class Owner { kLives, kStale, kDead };

Result<std::optional<Record>> TakeIfOrphan(Store& store, const Asker& asker, const Record& record, Owner owner) {
  if (!asker.operations.contains(record.operation)) return std::optional<Record>();
  if (IsDead(record.owner)) owner = Owner::kDead;
  if (owner == Owner::kLives && !record.owner.empty()) return std::optional<Record>();
  // Only as it was seen: a sign of life since then saves it.
  const double expired = owner == Owner::kStale ? std::nextafter(record.updated_at, HUGE_VAL) : 0;
  std::optional<std::string> dead_owner;
  if (owner == Owner::kDead) dead_owner = record.owner;
  return store.TakeOver(record.id, asker.owner, UnixNow(), expired, dead_owner);
}

Owner OwnerOf(const Record& record, const Stale& stale) {
  const auto seen = stale.find(record.id);
  return seen != stale.end() && seen->second == record.updated_at ? Owner::kStale : Owner::kLives;
}

}  // namespace

bool IsSuperseded(const Error& error) {
  return error.name == "superseded";
}

double UnixNow() {
  return UnixSeconds(WallClock::now());
}

Renewed RenewAll(Store& store, const std::vector<Record>& own) {
  Renewed renewed;
  for (const Record& record : own) {
    const Result<> done = store.Renew(record, UnixNow());
    if (!done && IsSuperseded(done.error())) {
      renewed.lost.insert(record.id);
      continue;
    }
    if (!done) renewed.trouble = done.error();
    // A disk that is full can still be read.
    if (store.CancelAsked(record.id).value_or(false)) renewed.cancel.insert(record.id);
  }
  renewed.well = !own.empty() && !renewed.trouble;
  return renewed;
}

Seen LookAround(Store& store, const Asker& asker, const Look& look) {
  Seen seen;
  seen.renewed = RenewAll(store, look.own);
  for (const Record& record : look.unwritten) {
    const Result<> done = store.Finish(record, UnixNow());
    if (done || IsSuperseded(done.error())) {
      seen.written.push_back(record.id);
    } else {
      seen.renewed.trouble = done.error();
    }
  }
  auto unfinished = store.Unfinished();
  if (!unfinished) {
    seen.renewed.trouble = unfinished.error();
    return seen;
  }
  std::set<std::string> active;
  for (Record& record : *unfinished) {
    active.insert(record.id);
    if (look.owned.contains(record.id)) continue;
    std::optional<Record> taken;
    if (look.take) {
      Owner owner = OwnerOf(record, look.stale);
      if (look.first && record.owner == asker.owner) owner = Owner::kDead;
      // Nothing was observed so far; the clock on the wall has to do.
      if (look.first && owner == Owner::kLives && record.updated_at < UnixNow() - asker.lease_s) owner = Owner::kStale;
      auto tried = TakeIfOrphan(store, asker, record, owner);
      if (tried) {
        taken = std::move(*tried);
      } else {
        seen.renewed.trouble = tried.error();
      }
    }
    if (!taken) {
      seen.others.push_back(std::move(record));
      continue;
    }
    if (store.CancelAsked(taken->id).value_or(false)) seen.renewed.cancel.insert(taken->id);
    seen.taken.push_back(std::move(*taken));
  }
  for (const std::string& id : look.known) {
    if (active.contains(id)) continue;
    auto ended = store.Get(id);
    if (!ended) continue;
    if (*ended) {
      seen.ended.push_back(std::move(**ended));
    } else {
      seen.vanished.push_back(id);
    }
  }
  if (look.forget_before) {
    if (const auto done = store.Forget(*look.forget_before); !done) seen.renewed.trouble = done.error();
  }
  seen.renewed.well = !seen.renewed.trouble && (look.owned.empty() || !look.own.empty() || !look.unwritten.empty());
  return seen;
}

Result<ClaimOutcome> ClaimOrTake(Store& store, const Asker& asker, const Record& record, const std::vector<Record>& unwritten,
                                 const Stale& stale) {
  for (const Record& ending : unwritten) {  // of the same key: it would stand in our own way
    if (const auto done = store.Finish(ending, UnixNow()); !done && !IsSuperseded(done.error())) return Fail(done.error());
  }
  HOSTLER_TRY(Store::Claimed claimed, store.Claim(record));
  if (!claimed.joined) return ClaimOutcome{std::move(claimed.record), false, true};
  if (claimed.record.owner == asker.owner) return ClaimOutcome{std::move(claimed.record), true, false};
  HOSTLER_TRY(std::optional<Record> taken, TakeIfOrphan(store, asker, claimed.record, OwnerOf(claimed.record, stale)));
  if (taken) return ClaimOutcome{std::move(*taken), true, true};
  return ClaimOutcome{std::move(claimed.record), true, false};
}

Result<Record> CancelOther(Store& store, Asker asker, const std::string& id, const Stale& stale) {
  HOSTLER_TRY(std::optional<Record> record, store.Get(id));
  if (!record) return Fail(NoSuchTask(id));
  if (IsFinished(record->status)) return std::move(*record);
  HOSTLER_OK(store.AskCancel(id));
  asker.operations.insert(record->operation);  // this much can be done without a runner
  HOSTLER_TRY(std::optional<Record> taken, TakeIfOrphan(store, asker, *record, OwnerOf(*record, stale)));
  if (!taken) return std::move(*record);
  taken->status = Status::kCancelled;
  taken->updated_at = UnixNow();
  HOSTLER_OK(store.Finish(*taken, taken->updated_at));
  return std::move(*taken);
}

}  // namespace hostler::tasks
