// Where task records are kept, shared by every process that works on the same models. One test suite for all implementations.
//
// Owner: hostlerd. Threads: every call blocks on the database; call it on the database's thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tasks/record.h"

namespace hostler::tasks {

class Store {
 public:
  virtual ~Store() = default;

  // Atomically: makes `record` the active task of its key (of epoch 1), or returns the one that is active.
  struct Claimed {
    Record record;
    bool joined = false;  // the record is somebody else's, of whatever operation
  };
  [[nodiscard]] virtual Result<Claimed> Claim(const Record& record) = 0;

  // Writes what changes of a record (status, progress, error, attempt) and renews the lease, if record.owner and record.epoch
  // still hold the task and it is unfinished; kConflict named `superseded` if not.
  [[nodiscard]] virtual Result<> Renew(const Record& record, double now) = 0;
  // The last write, on the same condition: the status is final (or `interrupted`: then it is nobody's and may be taken over at
  // once, but keeps the slot) and, unless interrupted, the slot is free, in one step.
  [[nodiscard]] virtual Result<> Finish(const Record& record, double now) = 0;
  // Takes over an unfinished task that is nobody's, was not renewed since `expired`, or whose owner is `dead_owner`: epoch + 1,
  // and `interrupted` unless it was pending. Nullopt if it is none of these (somebody was faster) or not there.
  [[nodiscard]] virtual Result<std::optional<Record>> TakeOver(const std::string& id, const std::string& new_owner, double now,
                                                               double expired, const std::optional<std::string>& dead_owner) = 0;
  // Asks the owner, whoever that is, to cancel; a finished task stays as it is. Both: kNotFound if there is none.
  [[nodiscard]] virtual Result<> AskCancel(const std::string& id) = 0;
  [[nodiscard]] virtual Result<bool> CancelAsked(const std::string& id) = 0;

  [[nodiscard]] virtual Result<std::optional<Record>> Get(const std::string& id) = 0;
  [[nodiscard]] virtual Result<std::vector<Record>> Unfinished() = 0;               // oldest first
  [[nodiscard]] virtual Result<std::vector<Record>> Recent(std::size_t limit) = 0;  // of all, newest first
  [[nodiscard]] virtual Result<> Forget(double finished_before) = 0;
};

// What the implementations share.
[[nodiscard]] Error Superseded(const Record& record);
[[nodiscard]] Error NoSuchTask(const std::string& id);

}  // namespace hostler::tasks
