// A store in memory, for tests: the same rules as in a database, and it can be told to fail.
//
// Threads: any; several Tasks may share one.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tasks/store.h"

namespace hostler::tasks {

class MemoryStore final : public Store {
 public:
  // From now on every write fails with this, or no longer.
  void FailWrites(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(error);
  }

  Result<Claimed> Claim(const Record& record) override {
    const std::lock_guard lock(mutex_);
    if (failure_) return Fail(*failure_);
    for (const Record& other : records_) {
      if (other.key == record.key && !IsFinished(other.status)) return Claimed{other, true};
      if (other.id == record.id) return Fail(Code::kConflict, "this id is taken");
    }
    records_.push_back(record);
    records_.back().epoch = 1;
    return Claimed{records_.back(), false};
  }
  Result<> Renew(const Record& record, double now) override { return Write(record, now, false); }
  Result<> Finish(const Record& record, double now) override { return Write(record, now, true); }

  Result<std::optional<Record>> TakeOver(const std::string& id, const std::string& new_owner, double now, double expired,
                                         const std::optional<std::string>& dead_owner) override {
    const std::lock_guard lock(mutex_);
    if (failure_) return Fail(*failure_);
    Record* record = Find(id);
    if (record == nullptr || IsFinished(record->status)) return std::optional<Record>();
    if (!record->owner.empty() && record->updated_at >= expired && record->owner != dead_owner) return std::optional<Record>();
    ++record->epoch;
    record->owner = new_owner;
    record->updated_at = now;
    record->next_attempt_at.reset();
    if (record->status != Status::kPending) record->status = Status::kInterrupted;
    return std::optional<Record>(*record);
  }
  Result<> AskCancel(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (failure_) return Fail(*failure_);
    if (Find(id) == nullptr) return Fail(NoSuchTask(id));
    asked_.insert(id);
    return {};
  }
  Result<bool> CancelAsked(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (Find(id) == nullptr) return Fail(NoSuchTask(id));
    return asked_.contains(id);
  }

  Result<std::optional<Record>> Get(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const Record* record = Find(id);
    if (record == nullptr) return std::optional<Record>();
    return std::optional<Record>(*record);
  }
  Result<std::vector<Record>> Unfinished() override {
    const std::lock_guard lock(mutex_);
    std::vector<Record> list;
    for (const Record& record : records_) {
      if (!IsFinished(record.status)) list.push_back(record);
    }
    std::stable_sort(list.begin(), list.end(), [](const Record& a, const Record& b) { return a.created_at < b.created_at; });
    return list;
  }
  Result<std::vector<Record>> Recent(std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    std::vector<Record> list(records_.rbegin(), records_.rend());
    std::stable_sort(list.begin(), list.end(), [](const Record& a, const Record& b) { return a.created_at > b.created_at; });
    list.resize(std::min(limit, list.size()));
    return list;
  }
  Result<> Forget(double finished_before) override {
    const std::lock_guard lock(mutex_);
    if (failure_) return Fail(*failure_);
    std::erase_if(records_,
                  [&](const Record& record) { return IsFinished(record.status) && record.updated_at < finished_before; });
    return {};
  }

 private:
  Record* Find(const std::string& id) {
    const auto found = std::find_if(records_.begin(), records_.end(), [&](const Record& record) { return record.id == id; });
    return found == records_.end() ? nullptr : &*found;
  }
  Result<> Write(const Record& record, double now, bool last) {
    const std::lock_guard lock(mutex_);
    if (failure_) return Fail(*failure_);
    const bool ended = IsFinished(record.status) || record.status == Status::kInterrupted;
    if (ended != last) return Fail(Code::kInternal, "the wrong kind of write");
    Record* kept = Find(record.id);
    if (kept == nullptr || IsFinished(kept->status) || kept->epoch != record.epoch || kept->owner != record.owner) {
      return Fail(Superseded(record));
    }
    Record changed = record;
    changed.updated_at = now;
    changed.key = kept->key;
    changed.operation = kept->operation;
    changed.payload = kept->payload;
    changed.created_at = kept->created_at;
    if (record.status == Status::kInterrupted) changed.owner.clear();
    *kept = std::move(changed);
    return {};
  }

  std::mutex mutex_;
  std::vector<Record> records_;
  std::set<std::string> asked_;
  std::optional<Error> failure_;
};

}  // namespace hostler::tasks
