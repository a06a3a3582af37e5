// The store played as a game: three owners on two connections claim, renew, end and take over a few keys at random, with stale
// records as often as with good ones; every answer is compared with a simple model. Used by store_test.cc and
// fuzz/task_store_fuzz.cc.
#pragma once

#include <fmt/format.h>

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tasks/store.h"

namespace hostler::tasks {

class StoreGame {
 public:
  // `next(n)` gives a number below n; `name` tells this game's keys and ids from another's in the same store.
  StoreGame(Store& first, Store& second, std::string name, std::function<unsigned(unsigned)> next)
      : stores_{&first, &second}, name_(std::move(name)), next_(std::move(next)) {}

  // Returns what went wrong, or empty.
  std::string Play(int moves) {
    for (int i = 0; i < moves; ++i) {
      now_ += next_(3);
      if (std::string wrong = Move(); !wrong.empty()) return fmt::format("move {}: {}", i, wrong);
      if (std::string wrong = Compare(); !wrong.empty()) return fmt::format("after move {}: {}", i, wrong);
    }
    return "";
  }

 private:
  Store& Any() { return *stores_[next_(2)]; }
  std::string Owner() { return std::string(1, static_cast<char>('A' + next_(3))); }

  std::string Move() {
    const unsigned move = next_(8);
    if (move < 2 || history_.empty()) return Claim();
    // Any record that somebody ever held, stale ones included.
    const Record held = history_[next_(static_cast<unsigned>(history_.size()))];
    switch (move) {
      case 2: return Write(held, Status::kRunning, false);
      case 3: return Write(held, Status::kCompleted, true);
      case 4: return Write(held, Status::kInterrupted, true);
      case 5: return TakeOver(held.id, false);
      case 6: return TakeOver(held.id, true);
      default: return AskCancel(held.id);
    }
  }

  Record* ActiveOf(const std::string& key) {
    for (auto& [id, record] : model_) {
      if (record.key == key && !IsFinished(record.status)) return &record;
    }
    return nullptr;
  }

  std::string Claim() {
    Record record;
    record.key = fmt::format("{}/key{}", name_, next_(3));
    record.id = fmt::format("{}/{}", name_, model_.size());
    record.owner = Owner();
    record.operation = static_cast<Operation>(next_(3));
    record.payload = "{}";
    record.created_at = record.updated_at = now_;
    const Record* active = ActiveOf(record.key);
    const auto claimed = Any().Claim(record);
    if (!claimed) return claimed.error().Text();
    if (claimed->joined != (active != nullptr)) return "two active tasks of one key, or a free slot that was refused";
    if (active != nullptr) return claimed->record == *active ? "" : "joined something else than what is active";
    record.epoch = claimed->record.epoch;
    if (claimed->record != record) return "claimed something else than what was asked for";
    Keep(record);
    return "";
  }

  std::string Write(Record held, Status status, bool last) {
    held.status = status;
    held.progress.bytes_done = next_(100);
    Record& kept = model_.at(held.id);
    const bool good = !IsFinished(kept.status) && kept.epoch == held.epoch && kept.owner == held.owner;
    const Result<> done = last ? Any().Finish(held, now_) : Any().Renew(held, now_);
    if (done.has_value() != good) return good ? "the owner was refused: " + done.error().Text() : "a late writer was let in";
    if (!done) return done.error().name == "superseded" ? "" : done.error().Text();
    held.updated_at = now_;
    if (status == Status::kInterrupted) held.owner.clear();
    kept = held;
    return "";
  }

  std::string TakeOver(const std::string& id, bool dead) {
    Record& kept = model_.at(id);
    const double expired = now_ - next_(10);
    std::optional<std::string> dead_owner;
    if (dead) dead_owner = Owner();
    const std::string owner = Owner();
    const bool good = !IsFinished(kept.status) && (kept.owner.empty() || kept.updated_at < expired || kept.owner == dead_owner);
    const auto taken = Any().TakeOver(id, owner, now_, expired, dead_owner);
    if (!taken) return taken.error().Text();
    if (taken->has_value() != good) return good ? "an orphan was not given" : "a task was taken from its living owner";
    if (!good) return "";
    if ((*taken)->epoch <= kept.epoch) return "the epoch did not grow";
    kept.owner = owner;
    kept.epoch += 1;
    kept.updated_at = now_;
    if (kept.status != Status::kPending) kept.status = Status::kInterrupted;
    if (**taken != kept) return "took over something else than what was kept";
    Keep(kept);
    return "";
  }

  std::string AskCancel(const std::string& id) {
    if (const Result<> asked = Any().AskCancel(id); !asked) return asked.error().Text();
    asked_.insert(id);
    return "";
  }

  void Keep(const Record& record) {
    model_.insert_or_assign(record.id, record);
    history_.push_back(record);
  }

  std::string Compare() {
    Store& store = Any();
    std::size_t active = 0;
    for (const auto& [id, record] : model_) {
      const auto kept = store.Get(id);
      if (!kept || !*kept) return "lost " + id;
      if (**kept != record) return "kept something else of " + id;
      if (store.CancelAsked(id).value_or(false) != asked_.contains(id)) return "forgot who shall be cancelled";
      active += IsFinished(record.status) ? 0 : 1;
    }
    const auto unfinished = store.Unfinished();
    if (!unfinished) return unfinished.error().Text();
    std::set<std::string> keys;
    for (const Record& record : *unfinished) {
      if (!record.key.starts_with(name_ + "/")) continue;
      if (!keys.insert(record.key).second) return "two active tasks of " + record.key;
      --active;
    }
    return active == 0 ? "" : "the unfinished are not those of the model";
  }

  const std::array<Store*, 2> stores_;
  const std::string name_;
  const std::function<unsigned(unsigned)> next_;
  double now_ = 1000;
  std::map<std::string, Record> model_;  // by id
  std::vector<Record> history_;
  std::set<std::string> asked_;
};

}  // namespace hostler::tasks
