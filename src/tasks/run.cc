// One task from the queue to its rest.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <fmt/format.h>

#include "base/guarded.h"
#include "tasks/core.h"

namespace hostler::tasks {
namespace {

constexpr std::size_t kMostFiles = 100;

// What came of a runner: a result, or what it threw.
struct Outcome {
  std::exception_ptr thrown;
  Result<Ending> result;
};

class Run final : public Handle {
 public:
  Run(std::shared_ptr<Core> core, OwnPtr own) : shared_(std::make_shared<Shared>(std::move(core), own)), record_(own->record) {}

  const Record& record() const override { return record_; }
  bool lost() const override { return shared_->own->lost; }

  void Show(Progress progress) override {
    if (progress.files.size() > kMostFiles) progress.files.resize(kMostFiles);
    // Many from other threads become one message: the newest is what counts.
    const bool first = shared_->shown.With([&](std::optional<Progress>& shown) {
      const bool empty = !shown;
      shown = std::move(progress);
      return empty;
    });
    if (shared_->core->loop().IsHere()) {
      shared_->Apply();
    } else if (first) {
      shared_->core->loop().Post([shared = shared_] { shared->Apply(); });
    }
  }

  // What was shown on another thread and has not arrived yet.
  void Last() { shared_->Apply(); }

  Task<> Pause(double seconds, const Error& why) override {
    seconds = std::max(0.0, std::min(seconds, 24.0 * 3600));
    Record& record = shared_->own->record;
    record.next_attempt_at = UnixNow() + seconds;
    record.error = why;
    shared_->core->Changed(shared_->own);
    co_await Sleep(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
    record.next_attempt_at.reset();
    record.error.reset();
    ++record.attempt;
    shared_->core->Changed(shared_->own);
  }

 private:
  // A message may arrive after the runner has gone.
  struct Shared {
    Shared(std::shared_ptr<Core> core, OwnPtr own) : core(std::move(core)), own(std::move(own)) {}
    void Apply() {
      std::optional<Progress> progress;
      shown.With([&](std::optional<Progress>& newest) { progress.swap(newest); });
      if (!progress || *progress == own->record.progress) return;
      if (own->closing || own->lost) return;
      own->record.progress = std::move(*progress);
      core->Changed(own);
    }
    const std::shared_ptr<Core> core;
    const OwnPtr own;
    Guarded<std::optional<Progress>> shown;
  };

  const std::shared_ptr<Shared> shared_;
  const Record record_;
};

Error CutOff(const std::exception_ptr& thrown) {
  std::string what = "it ended without a reason";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  return Error{Code::kInternal, "the task broke off: " + what, "Start it again; if it stays so, report this.", {}, {}};
}

}  // namespace

void Core::StopRunner(const OwnPtr& own) {
  own->stop.emit(boost::asio::cancellation_type::terminal);
}

bool Core::HasPlace(Operation operation) const {
  const auto own = options_.most_running_of.find(operation);
  const std::size_t most = own == options_.most_running_of.end() ? options_.most_running : own->second;
  const auto running = running_.find(operation);
  return running == running_.end() || running->second < std::max<std::size_t>(most, 1);
}

void Core::StartNext() {
  for (auto next = queue_.begin(); next != queue_.end() && !Over();) {
    const OwnPtr own = *next;
    if (!HasPlace(own->record.operation)) {
      ++next;
      continue;
    }
    queue_.erase(next);
    own->running = true;
    ++running_[own->record.operation];
    loop_.Spawn(Drive(shared_from_this(), own));
    next = queue_.begin();  // whatever ran just now may have changed the queue
  }
}

Task<> Core::Drive(std::shared_ptr<Core> core, OwnPtr own) {
  Record& record = own->record;
  record.status = Status::kRunning;
  record.updated_at = UnixNow();
  core->Show(own);
  const Renewed renewed = co_await core->database_.Run([&store = core->store_, record] { return RenewAll(store, {record}); });
  core->Apply(renewed);
  if (own->lost || core->dropped_) {
    co_await core->Leave(own);
  } else if (own->cancel || core->stopping_) {
    const Status status = own->cancel ? Status::kCancelled : Status::kInterrupted;
    co_await core->End(own, status, std::nullopt);
  } else {
    co_await core->Perform(own);
  }
}

Task<> Core::Perform(OwnPtr own) {
  Outcome outcome;
  {
    Run run(shared_from_this(), own);
    OneShot<Outcome> ended(co_await boost::asio::this_coro::executor);
    boost::asio::co_spawn(
        loop_.executor(), runners_.at(own->record.operation)(run),
        boost::asio::bind_cancellation_slot(own->stop.slot(),
                                            [promise = ended.promise(), own](std::exception_ptr thrown, Result<Ending> result) {
                                              promise.Set(Outcome{std::move(thrown), std::move(result)});
                                            }));
    outcome = co_await ended.Wait();
    run.Last();
  }
  const bool well = !outcome.thrown && outcome.result;
  if (own->lost || dropped_) {
    co_await Leave(own);
  } else if (well) {
    const Status status = *outcome.result == Ending::kCompleted ? Status::kCompleted : Status::kNotInstalled;
    co_await End(own, status, std::nullopt);
  } else if (own->cancel) {
    co_await End(own, Status::kCancelled, std::nullopt);
  } else if (stopping_) {
    co_await End(own, Status::kInterrupted, std::nullopt);
  } else {
    std::optional<Error> error;
    if (outcome.thrown) {
      error = CutOff(outcome.thrown);
    } else {
      error = std::move(outcome.result).error();
    }
    co_await End(own, Status::kFailed, std::move(error));
  }
}

Task<> Core::End(OwnPtr own, Status status, std::optional<Error> error) {
  own->closing = true;
  Record& record = own->record;
  record.status = status;
  record.error = std::move(error);
  record.next_attempt_at.reset();
  record.progress.speed_bytes_per_s.reset();
  record.progress.eta_s.reset();
  record.updated_at = UnixNow();
  const Result<> done =
      co_await database_.Run([&store = store_, record]() -> Result<> { return store.Finish(record, record.updated_at); });
  if (!done && IsSuperseded(done.error())) {
    own->lost = true;
    co_await Leave(own);
    co_return;
  }
  if (!done) {
    unwritten_.insert_or_assign(record.id, record);
    Trouble(done.error());
  } else if (status == Status::kInterrupted) {
    record.owner.clear();
  }
  if (!dropped_) Show(own);  // it is told when it is true
  Rest(own);
}

// It is somebody else's: what is shown is what they make of it.
Task<> Core::Leave(OwnPtr own) {
  if (!dropped_) {
    auto now = co_await database_.Run([&store = store_, id = own->record.id] { return store.Get(id); });
    if (now && *now) See(std::move(**now));
  }
  Rest(own);
}

void Core::Rest(const OwnPtr& own) {
  owned_.erase(own->record.id);
  if (own->running) --running_[own->record.operation];
  own->rest.Set();
  StartNext();
}

Task<> Core::EndQueued(std::shared_ptr<Core> core, OwnPtr own, Status status) {
  std::erase(core->queue_, own);
  if (own->closing || own->running) co_return;
  if (own->lost) {
    own->closing = true;
    co_await core->Leave(own);
  } else {
    co_await core->End(own, status, std::nullopt);
  }
}

}  // namespace hostler::tasks
