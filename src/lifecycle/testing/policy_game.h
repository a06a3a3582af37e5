// The policy played as a game: random events happen to a handful of models, NextStep is applied until it is at rest, and the
// rules it promises are checked after every move. Used by policy_test.cc and fuzz/policy_fuzz.cc.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lifecycle/policy.h"

namespace hostler::lifecycle {

class PolicyGame {
 public:
  // `next(n)` gives a number below n: from a random generator or from the fuzzer's bytes.
  PolicyGame(std::function<unsigned(unsigned)> next) : next_(std::move(next)) {
    rules_.max_loaded = static_cast<int>(next_(4));
    rules_.evict = next_(4) == 0 ? config::Evict::kNone : config::Evict::kLru;
    rules_.idle_timeout = std::chrono::seconds(next_(3) * 10);
    const unsigned count = 1 + next_(5);
    for (unsigned i = 0; i < count; ++i) {
      View view;
      view.id = std::string(1, static_cast<char>('a' + i));
      view.pinned = next_(5) == 0;
      models_.push_back(view);
    }
  }

  // Returns what went wrong, or empty.
  std::string Play(int moves) {
    for (int i = 0; i < moves; ++i) {
      Happen();
      if (std::string wrong = Rest(); !wrong.empty()) return wrong;
    }
    return Finish();
  }

 private:
  using State = model::MemoryState;

  void Happen() {
    View& view = models_[next_(static_cast<unsigned>(models_.size()))];
    now_ += std::chrono::seconds(next_(5));
    switch (next_(8)) {
      case 0:
      case 1:  // a request comes
        if (view.state == State::kLoaded) {
          ++view.leases;
        } else {
          if (view.waiting++ == 0) view.oldest_wait = ++queue_;
        }
        break;
      case 2:  // a request ends
        if (view.leases > 0) {
          --view.leases;
          view.last_used = now_;
        }
        break;
      case 3: LoadEnds(view, true); break;
      case 4: LoadEnds(view, false); break;
      case 5:
        if (view.state == State::kUnloading && view.leases == 0) view.state = State::kUnloaded;
        break;
      case 6:
        if (view.state == State::kLoaded) view.unload_asked = true;
        break;
      case 7:  // a crash
        if (view.state != State::kLoaded) break;
        view.state = State::kError;
        view.leases = 0;
        view.restart = true;
        view.not_before = now_ + std::chrono::seconds(2);
        break;
    }
  }

  void LoadEnds(View& view, bool well) {
    if (view.state != State::kLoading) return;
    view.state = well ? State::kLoaded : State::kError;
    view.leases = well ? view.waiting : 0;
    view.waiting = 0;
    view.oldest_wait = 0;
    view.last_used = now_;
    view.not_before = now_ + std::chrono::seconds(1);
  }

  std::string Rest() {
    for (int steps = 0;; ++steps) {
      if (steps > 50) return "it never comes to rest";
      const Step step = NextStep(models_, rules_, now_);
      if (step.kind == Step::Kind::kNone) return step.wake && *step.wake <= now_ ? "it wants to be woken in the past" : "";
      if (std::string wrong = Apply(step); !wrong.empty()) return wrong;
    }
  }

  std::string Apply(const Step& step) {
    for (View& view : models_) {
      if (view.id != step.model) continue;
      switch (step.kind) {
        case Step::Kind::kStart:
          if (view.state != State::kUnloaded && view.state != State::kError) return "started what is in memory";
          if (view.waiting == 0 && !view.restart) return "started what nobody wants";
          view.state = State::kLoading;
          view.restart = false;
          return Loaded() > rules_.max_loaded && rules_.max_loaded > 0 ? "too many in memory" : "";
        case Step::Kind::kDrain:
          if (view.state != State::kLoaded) return "drained what is not loaded";
          if (view.pinned && !view.unload_asked) return "drained a pinned model";
          if (view.leases > 0 && !view.unload_asked && SomeIdleVictim())
            return "drained a busy model while an idle one was there";
          view.state = State::kUnloading;
          view.unload_asked = false;
          return "";
        case Step::Kind::kRefuse:
          if (view.waiting == 0) return "refused nobody";
          if (step.reason.empty()) return "refused without a reason";
          view.waiting = 0;
          view.oldest_wait = 0;
          return "";
        case Step::Kind::kNone: return "";
      }
    }
    return "a step for an unknown model";
  }

  // Everything in flight ends well and time passes: then nobody may be left waiting.
  std::string Finish() {
    for (int round = 0; round < 100; ++round) {
      now_ += std::chrono::seconds(5);
      for (View& view : models_) {
        LoadEnds(view, true);
        if (view.leases > 0) {
          view.leases = 0;
          view.last_used = now_;
        }
        if (view.state == State::kUnloading) view.state = State::kUnloaded;
      }
      if (std::string wrong = Rest(); !wrong.empty()) return wrong;
    }
    for (const View& view : models_) {
      if (view.waiting > 0) return "somebody waits for ever for " + view.id;
    }
    return "";
  }

  [[nodiscard]] int Loaded() const {
    int count = 0;
    for (const View& view : models_)
      count += view.state == State::kLoading || view.state == State::kLoaded || view.state == State::kUnloading ? 1 : 0;
    return count;
  }
  [[nodiscard]] bool SomeIdleVictim() const {
    for (const View& view : models_) {
      if (view.state == State::kLoaded && !view.pinned && view.leases == 0) return true;
    }
    return false;
  }

  std::function<unsigned(unsigned)> next_;
  std::vector<View> models_;
  Rules rules_;
  Clock::time_point now_{std::chrono::hours(1)};
  std::uint64_t queue_ = 0;
};

}  // namespace hostler::lifecycle
