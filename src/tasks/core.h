// What stands behind Tasks: who runs, who waits, what is written when. Shared by Tasks and the coroutines that it started, which
// may unwind after it.
//
// Threads: the tasks' loop. Internal to this room.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>

#include "async/event.h"
#include "async/pool.h"
#include "tasks/board.h"
#include "tasks/store_work.h"
#include "tasks/tasks.h"

namespace hostler::tasks {

// A task that this process owns, until it came to rest.
struct Own {
  Record record;
  boost::asio::cancellation_signal stop;  // of its runner
  bool running = false;                   // it has a place among most_running
  bool cancel = false;                    // somebody wants it cancelled
  bool closing = false;                   // the last write is under way: nothing else may be written
  bool dirty = false;                     // there is something to write
  std::atomic<bool> lost = false;         // it is somebody else's now: nothing may be written
  Event rest;                             // set when it is not ours any more, one way or the other
};
using OwnPtr = std::shared_ptr<Own>;

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Store& store, Pool& database, Loop& loop, std::map<Operation, Runner> runners, Options options);

  Task<Result<>> Open();
  Task<Result<Started>> StartOrJoin(std::string key, Operation operation, std::string payload);
  // One step towards it: a record that is not at rest yet means "ask again in a while".
  Task<Result<Record>> Cancel(std::string id);
  Task<> Shutdown();
  Task<> WaitReady();
  [[nodiscard]] bool is_ready() const { return is_ready_; }  // any thread
  void Drop();                                               // as if killed. Any thread.

  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] Board& board() { return board_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] bool stopping() const { return stopping_; }

  // A runner's record changed: shown now, written soon.
  void Changed(const OwnPtr& own);

 private:
  // Work that Shutdown() has to wait for.
  class Busy {
   public:
    explicit Busy(Core& core) : core_(core) { ++core_.busy_; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() {
      if (--core_.busy_ == 0 && core_.stopping_) core_.idle_.Set();
    }

   private:
    Core& core_;
  };

  bool Over() const { return stopping_ || dropped_; }
  template <class F>
  Task<std::invoke_result_t<F>> Ask(F work);

  Result<> CheckStart(const std::string& key, Operation operation, const std::string& payload) const;
  OwnPtr OwnOf(const std::string& key) const;
  void Adopt(Record record);
  void StartNext();
  [[nodiscard]] bool HasPlace(Operation operation) const;
  static Task<> Drive(std::shared_ptr<Core> core, OwnPtr own);
  Task<> Perform(OwnPtr own);
  Task<> End(OwnPtr own, Status status, std::optional<Error> error);
  Task<> Leave(OwnPtr own);
  void Rest(const OwnPtr& own);
  void StopRunner(const OwnPtr& own);
  static Task<> EndQueued(std::shared_ptr<Core> core, OwnPtr own, Status status);

  static Task<> KeepLooking(std::shared_ptr<Core> core);
  static Task<> KeepWriting(std::shared_ptr<Core> core);
  Task<std::optional<Error>> LookOnce(bool renew, bool first = false);
  void Apply(const Renewed& renewed);
  void Apply(Seen seen);
  void Trouble(const std::optional<Error>& error);
  void Show(const OwnPtr& own);
  void See(Record record);  // somebody else's
  Stale StaleOnes() const;
  std::vector<Record> UnwrittenOf(const std::string& key) const;

  Store& store_;
  Pool& database_;
  Loop& loop_;
  const std::map<Operation, Runner> runners_;
  const Options options_;
  const Asker asker_;
  Board board_;

  std::map<std::string, OwnPtr> owned_;  // by id
  std::deque<OwnPtr> queue_;             // of those, who wait for a place, in order
  std::map<Operation, std::size_t> running_;
  std::map<std::string, Record> unwritten_;  // endings that the store did not take
  struct Other {
    double updated_at = 0;    // as last seen …
    Clock::time_point since;  // … for the first time
  };
  std::map<std::string, Other> others_;  // other processes' active ones, by id
  std::optional<Error> trouble_;         // why the store does not take what we write
  Clock::time_point renewed_at_{};
  Clock::time_point wrote_at_{};
  double forgot_at_ = 0;
  std::size_t claims_ = 0;  // under way
  bool writing_ = false;
  bool opened_ = false;  // Open() has begun
  Event ready_;          // … and is through
  std::atomic<bool> is_ready_ = false;

  bool stopping_ = false;
  bool dropped_ = false;
  Event stop_;                   // ends the looking and the writing
  std::optional<Event> sooner_;  // the next look is due earlier than was thought, or never
  std::size_t busy_ = 0;
  Event idle_;  // stopping, and nothing busy any more
  Event shut_;
};

}  // namespace hostler::tasks
