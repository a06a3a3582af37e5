// A task of the server as the command line follows it: its events, and how they look.
//
// Internal to this room. Main thread only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/api.h"

namespace hostler::cli {

struct TaskFile {
  std::string name;
  std::string state;
  std::uint64_t bytes = 0;
  std::uint64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(TaskFile, (), (name, state, bytes, size))

struct TaskRow {
  std::string task_id;
  std::string model_id;
  std::string operation;
  std::string status;
  std::uint64_t bytes_downloaded = 0;
  std::uint64_t bytes_total = 0;
  json::Nullable<std::string> error;
  json::Nullable<std::string> error_class;
  json::Nullable<std::string> remedy;
  json::Nullable<std::string> phase;
  json::Nullable<double> next_attempt_at;
  json::Nullable<std::string> last_problem;
  std::optional<double> speed_bytes_per_s;
  std::optional<double> eta_s;
  json::Nullable<std::uint64_t> files_done;
  json::Nullable<std::uint64_t> files_total;
  std::vector<TaskFile> files;
  std::vector<std::string> warnings;
};
BOOST_DESCRIBE_STRUCT(TaskRow, (),
                      (task_id, model_id, operation, status, bytes_downloaded, bytes_total, error, error_class, remedy, phase,
                       next_attempt_at, last_problem, speed_bytes_per_s, eta_s, files_done, files_total, files, warnings))

// What starting one answers.
struct TaskStart {
  json::Nullable<std::string> task_id;
  std::string model_id;
  std::string status;
  json::Nullable<std::string> outcome;
  std::vector<std::string> warnings;
};
BOOST_DESCRIBE_STRUCT(TaskStart, (), (task_id, model_id, status, outcome, warnings))

[[nodiscard]] bool IsFinished(const TaskRow& task);

// Tells how a task goes, each thing once, as it comes.
class TaskTeller {
 public:
  explicit TaskTeller(const Context& context) : context_(context) {}
  void Show(const TaskRow& task);

 private:
  void Done(const TaskFile& file);
  void Draw(const TaskRow& task);

  const Context& context_;
  std::set<std::string> told_;
};

// Shows a task's progress until it is at rest: lines that are redrawn on a terminal, else a line for each finished file and each
// change that matters. kCancelled if Ctrl-C came; the task then runs on.
[[nodiscard]] Result<TaskRow> Follow(const Context& context, Session& session, const Target& target, const std::string& task_id);

// The error of a task that failed or was cancelled; nothing if it went well.
[[nodiscard]] Result<> Outcome(const TaskRow& task);

// Takes the task back. Errors are the server's.
[[nodiscard]] Result<TaskRow> Cancel(Session& session, const Target& target, const std::string& task_id);

}  // namespace hostler::cli
