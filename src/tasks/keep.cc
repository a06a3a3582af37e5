// Writing and looking: renewals, other processes' tasks, what is nobody's any more.
#include <fmt/format.h>

#include "tasks/core.h"

namespace hostler::tasks {
namespace {

constexpr auto kWriteEvery = std::chrono::milliseconds(500);

Clock::duration Long(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

void Core::Show(const OwnPtr& own) {
  Record record = own->record;
  if (trouble_) record.progress.warnings.push_back(fmt::format("this is not kept at the moment: {}", trouble_->Text()));
  board_.Put(std::move(record));
}

void Core::See(Record record) {
  if (IsFinished(record.status)) {
    others_.erase(record.id);
  } else {
    if (others_.empty() && sooner_) sooner_->Set();
    Other& other = others_[record.id];
    if (other.updated_at != record.updated_at) other = {record.updated_at, Clock::now()};
  }
  board_.Put(std::move(record));
}

Stale Core::StaleOnes() const {
  Stale stale;
  const Clock::time_point before = Clock::now() - Long(options_.lease_s);
  for (const auto& [id, other] : others_) {
    if (other.since < before) stale.emplace(id, other.updated_at);
  }
  return stale;
}

void Core::Changed(const OwnPtr& own) {
  if (own->closing || own->lost || dropped_) return;
  own->record.updated_at = UnixNow();
  own->dirty = true;
  Show(own);
  if (writing_ || Over()) return;
  writing_ = true;
  loop_.Spawn(KeepWriting(shared_from_this()));
}

Task<> Core::KeepWriting(std::shared_ptr<Core> core) {
  const Busy busy(*core);
  while (!core->Over()) {
    const auto due = core->wrote_at_ + kWriteEvery;
    if (Clock::now() < due && co_await core->stop_.WaitFor(due - Clock::now())) break;
    core->wrote_at_ = Clock::now();
    std::vector<Record> list;
    for (const auto& [id, own] : core->owned_) {
      if (!own->dirty || own->closing || own->lost) continue;
      own->dirty = false;
      list.push_back(own->record);
    }
    if (list.empty()) break;
    const Renewed renewed =
        co_await core->database_.Run([&store = core->store_, list = std::move(list)] { return RenewAll(store, list); });
    core->Apply(renewed);
  }
  core->writing_ = false;
}

// The one place where hostler looks at a clock instead of waiting for news: what other processes do, and that they have died, no
// database tells.
Task<> Core::KeepLooking(std::shared_ptr<Core> core) {
  const Busy busy(*core);
  core->renewed_at_ = Clock::now();
  while (!core->Over()) {
    const Clock::time_point renew_at = core->renewed_at_ + Long(core->options_.renew_s);
    Clock::time_point due = renew_at;
    if (!core->others_.empty()) due = std::min(due, Clock::now() + Long(core->options_.look_s));
    core->sooner_.emplace();
    if (Clock::now() < due && co_await core->sooner_->WaitFor(due - Clock::now())) continue;
    const bool renew = Clock::now() >= renew_at;
    if (renew) core->renewed_at_ = Clock::now();
    co_await core->LookOnce(renew);
  }
}

Task<std::optional<Error>> Core::LookOnce(bool renew, bool first) {
  Look look;
  look.first = first;
  for (const auto& [id, own] : owned_) {
    look.owned.insert(id);
    if (renew && !own->closing && !own->lost) look.own.push_back(own->record);
  }
  for (const auto& [id, record] : unwritten_) {
    look.unwritten.push_back(record);
    look.owned.insert(id);
  }
  for (const auto& [id, other] : others_) look.known.push_back(id);
  look.stale = StaleOnes();
  look.take = !Over();
  const double now = UnixNow();
  if (now - forgot_at_ >= std::min(options_.keep_s / 10, 3600.0)) {
    forgot_at_ = now;
    look.forget_before = now - options_.keep_s;
    board_.Forget(now - options_.keep_s);
  }
  Seen seen = co_await database_.Run(
      [&store = store_, asker = asker_, look = std::move(look)] { return LookAround(store, asker, look); });
  std::optional<Error> trouble = seen.renewed.trouble;
  Apply(std::move(seen));
  co_return trouble;
}

void Core::Apply(const Renewed& renewed) {
  if (renewed.trouble || renewed.well) Trouble(renewed.trouble);
  for (const std::string& id : renewed.lost) {
    const auto found = owned_.find(id);
    if (found == owned_.end() || found->second->closing || found->second->lost) continue;
    const OwnPtr own = found->second;
    own->lost = true;
    if (own->running) {
      StopRunner(own);
    } else {
      std::erase(queue_, own);
      loop_.Spawn(EndQueued(shared_from_this(), own, Status::kInterrupted));
    }
  }
  for (const std::string& id : renewed.cancel) {
    const auto found = owned_.find(id);
    if (found == owned_.end() || found->second->cancel || found->second->closing || found->second->lost) continue;
    const OwnPtr own = found->second;
    own->cancel = true;
    if (own->running) {
      StopRunner(own);
    } else {
      loop_.Spawn(EndQueued(shared_from_this(), own, Status::kCancelled));
    }
  }
}

void Core::Apply(Seen seen) {
  for (const std::string& id : seen.written) unwritten_.erase(id);
  for (Record& record : seen.taken) {
    if (!owned_.contains(record.id)) Adopt(std::move(record));
  }
  Apply(seen.renewed);
  for (Record& record : seen.others) {
    // Claimed by ourselves since the store was asked, or seen before one of ours was read.
    if (record.owner == options_.owner || owned_.contains(record.id)) continue;
    See(std::move(record));
  }
  for (Record& record : seen.ended) {
    if (!owned_.contains(record.id)) See(std::move(record));
  }
  for (const std::string& id : seen.vanished) {
    others_.erase(id);
    board_.Remove(id);
  }
  StartNext();
}

void Core::Trouble(const std::optional<Error>& error) {
  if (trouble_.has_value() == error.has_value()) return;
  trouble_ = error;
  if (options_.log != nullptr) {
    if (error) {
      options_.log->Warning("Tasks go on, but are not kept: {}", error->Text());
    } else {
      options_.log->Info("Tasks are kept again");
    }
  }
  for (const auto& [id, own] : owned_) {
    if (!own->lost) Show(own);
  }
}

}  // namespace hostler::tasks
