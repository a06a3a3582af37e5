// A task on the wire.
//
// Pure functions; any thread.
#pragma once

#include "api/door.h"
#include "app/orders.h"

namespace hostler::api::models {

struct TaskFile {
  std::string name;
  std::string state;
  std::uint64_t bytes = 0;
  std::uint64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(TaskFile, (), (name, state, bytes, size))

struct TaskBody {
  std::string task_id;
  std::string model_id;
  tasks::Operation operation = tasks::Operation::kDownload;
  tasks::Status status = tasks::Status::kPending;
  std::uint64_t bytes_downloaded = 0;
  std::uint64_t bytes_total = 0;      // 0: not known yet
  json::Nullable<std::string> error;  // of `failed` only
  json::Nullable<std::string> error_class;
  json::Nullable<std::string> remedy;
  double updated_at = 0;  // Unix seconds
  double created_at = 0;
  std::string phase;
  int attempt = 1;
  json::Nullable<double> next_attempt_at;    // Unix seconds; while it waits for another attempt
  json::Nullable<std::string> last_problem;  // why it waits
  std::optional<double> speed_bytes_per_s;   // left out until they mean something
  std::optional<double> eta_s;
  std::size_t files_done = 0;
  std::size_t files_total = 0;
  std::vector<TaskFile> files;  // at most 100, those under way first
  std::vector<std::string> warnings;
};
BOOST_DESCRIBE_STRUCT(TaskBody, (),
                      (task_id, model_id, operation, status, bytes_downloaded, bytes_total, error, error_class, remedy,
                       updated_at, created_at, phase, attempt, next_attempt_at, last_problem, speed_bytes_per_s, eta_s,
                       files_done, files_total, files, warnings))

[[nodiscard]] TaskBody BodyOf(const tasks::Record& record);

// What POST …/download and DELETE …/cache answer.
struct TaskReply {
  json::Nullable<std::string> task_id;
  std::string model_id;
  tasks::Operation operation = tasks::Operation::kDownload;
  tasks::Status status = tasks::Status::kPending;
  std::string outcome;  // "started", "joined", "already_installed", "not_installed"
  std::vector<std::string> warnings;
};
BOOST_DESCRIBE_STRUCT(TaskReply, (), (task_id, model_id, operation, status, outcome, warnings))

[[nodiscard]] TaskReply ReplyOf(const app::Begun& begun);

// 409 as spec/models.md section 9 has it: flat, all keys always there, and the house's own `error` beside them.
struct ConflictError {
  std::string message;
  std::string code;
  std::string remedy;
};
BOOST_DESCRIBE_STRUCT(ConflictError, (), (message, code, remedy))
struct Conflict {
  std::string type;
  std::string conflict_type;
  std::string detail;
  std::string model_id;
  json::Nullable<tasks::Operation> active_operation;
  json::Nullable<std::string> active_task_id;
  std::vector<std::string> blocked_by_collections;
  bool requires_confirmation = false;
  std::vector<std::string> warnings;
  json::Nullable<std::string> plan_digest;
  json::Nullable<std::uint64_t> bytes_freed;
  ConflictError error;
};
BOOST_DESCRIBE_STRUCT(Conflict, (),
                      (type, conflict_type, detail, model_id, active_operation, active_task_id, blocked_by_collections,
                       requires_confirmation, warnings, plan_digest, bytes_freed, error))

}  // namespace hostler::api::models
