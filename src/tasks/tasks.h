// Durable background work: one record per task, at most one active task per key, progress, cancelling, resuming after a crash.
// Knows nothing of models, hubs or disks: a runner does the work.
//
//   pending -> running -> completed | not_installed | failed | cancelled
//   running -> interrupted (the daemon ended or was killed) -> running, by whoever takes it over
//
// Owner: hostlerd. Threads: a loop of its own runs the runners; the calls below come from any loop of the house. Get, ActiveOf,
// Active and List come from any thread, read a published copy and never wait for the database.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "base/json.h"
#include "base/result.h"
#include "events/ring.h"
#include "log/log.h"
#include "tasks/record.h"
#include "tasks/store.h"

namespace hostler::tasks {

// What a runner works with. Lives as long as the runner's coroutine. On the tasks' loop unless said.
class Handle {
 public:
  virtual ~Handle() = default;
  [[nodiscard]] virtual const Record& record() const = 0;  // as it was when this run began: id, key, operation, payload, attempt
  // Shown at once, written to the store at most twice a second. Any thread.
  virtual void Show(Progress progress) = 0;
  // Waits for `seconds` before another attempt; the task shows next_attempt_at and `why` meanwhile.
  [[nodiscard]] virtual Task<> Pause(double seconds, const Error& why) = 0;
  // The run was taken over by somebody else, or its lease could not be renewed: stop writing. Any thread.
  [[nodiscard]] virtual bool lost() const = 0;
};

// How a run ended well; an Error is `failed`. A runner that is cancelled unwinds (operation_aborted) and leaves what it has so
// that another run continues from there.
enum class Ending { kCompleted, kNotInstalled };
using Runner = std::function<Task<Result<Ending>>(Handle&)>;

struct Options {
  double lease_s = 60;        // a task whose owner did not renew for so long may be taken over
  double renew_s = 15;        // how often the owner renews, and looks what other processes do
  double look_s = 2;          // … while one of theirs is active
  double keep_s = 24 * 3600;  // finished records are kept so long
  // Tasks that run at the same time; the others are pending. Each operation has places of its own: a deletion never waits behind
  // downloads.
  std::size_t most_running = 4;
  std::map<Operation, std::size_t> most_running_of = {};  // where it is not that
  std::size_t most_active = 1000;                         // more are refused (kBusy)
  std::string owner = {};                                 // unique, and checkable on the same host; empty: NewOwner() (owner.h)
  log::Log* log = nullptr;                                // told once when the store fails, and once when it is back
};

struct Started {
  Record record;
  bool joined = false;  // an active task with the same key and operation was there already
};

class Core;

class Tasks {
 public:
  // `database`: the one thread that every call of the store runs on; it must end before the store does.
  Tasks(Store& store, Pool& database, Loop& loop, std::map<Operation, Runner> runners, Options options);
  // Without Shutdown() it is as if the process had been killed: runners are cancelled, nothing more is written, and another
  // process takes over. What runners use must then outlive the loop: their frames go with it.
  ~Tasks();
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  // Reads what is unfinished, takes over what nobody owns any more, starts it again. From then on looks at a clock what other
  // processes do: they cannot tell us. If the store is not there that is the error, and it is tried again at each look. Once,
  // and before anything is started.
  [[nodiscard]] Task<Result<>> Open();

  // Until what was there before is read, so that a task of before is not said to be unknown: a moment after the start, at most
  // seconds if the store does not answer. From any loop.
  [[nodiscard]] Task<> Ready() const;

  // `payload`: what the runner needs, as JSON; it is kept. kConflict named `cross_op_exclusion` if another operation is active on
  // the key (its id and operation through ActiveOf), kBusy if too many are active, kUnavailable if the store is not there.
  [[nodiscard]] Task<Result<Started>> StartOrJoin(std::string key, Operation operation, std::string payload);
  // A finished task is left as it is. kNotFound if there is none. Returns the record after it came to rest.
  [[nodiscard]] Task<Result<Record>> Cancel(std::string id);

  [[nodiscard]] Result<Record> Get(const std::string& id) const;               // kNotFound names the id
  [[nodiscard]] std::optional<Record> ActiveOf(const std::string& key) const;  // of this and of other processes
  [[nodiscard]] std::map<std::string, Record> Active() const;                  // by key
  [[nodiscard]] std::vector<Record> List() const;                              // newest first
  // Every change of every task, in order; signs of life alone are none.
  [[nodiscard]] events::Ring<Record>& ring();

  // Cancels the runners; their tasks become `interrupted`, and those that wait as well. Returns when all has been written.
  [[nodiscard]] Task<> Shutdown();

 private:
  template <class T>
  Task<Result<T>> There(Task<Result<T>> work) const;

  const std::shared_ptr<Core> core_;
};

}  // namespace hostler::tasks
