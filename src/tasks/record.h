// A task as it is kept and shown.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hostler::tasks {

enum class Operation { kDownload, kDelete, kVerify };
BOOST_DESCRIBE_ENUM(Operation, kDownload, kDelete, kVerify)

enum class Status { kPending, kRunning, kCompleted, kNotInstalled, kFailed, kCancelled, kInterrupted };
BOOST_DESCRIBE_ENUM(Status, kPending, kRunning, kCompleted, kNotInstalled, kFailed, kCancelled, kInterrupted)

[[nodiscard]] constexpr bool IsFinished(Status status) {
  return status == Status::kCompleted || status == Status::kNotInstalled || status == Status::kFailed ||
         status == Status::kCancelled;
}

struct FileProgress {
  std::string name;
  std::string state;  // "waiting", "downloading", "locked", "verifying", "done", "failed"
  std::uint64_t bytes = 0;
  std::uint64_t size = 0;
  friend bool operator==(const FileProgress&, const FileProgress&) = default;
};
BOOST_DESCRIBE_STRUCT(FileProgress, (), (name, state, bytes, size))

struct Progress {
  std::string phase;              // "resolving", "downloading", "publishing", "draining", "removing", "verifying"
  std::uint64_t bytes_done = 0;   // on disk and right, of bytes_total
  std::uint64_t bytes_total = 0;  // 0: not known yet
  std::optional<double> speed_bytes_per_s;
  std::optional<double> eta_s;
  std::vector<FileProgress> files;  // at most 100: those under way first
  std::size_t files_done = 0;
  std::size_t files_total = 0;
  std::vector<std::string> warnings;
  friend bool operator==(const Progress&, const Progress&) = default;
};
BOOST_DESCRIBE_STRUCT(Progress, (),
                      (phase, bytes_done, bytes_total, speed_bytes_per_s, eta_s, files, files_done, files_total, warnings))

struct Record {
  std::string id;  // UUIDv4
  std::string key;
  Operation operation = Operation::kDownload;
  Status status = Status::kPending;
  std::string payload;  // JSON for the runner
  Progress progress;
  std::optional<Error> error;  // `failed`; or why it waits for another attempt
  int attempt = 1;
  std::optional<double> next_attempt_at;  // Unix seconds
  double created_at = 0;                  // Unix seconds
  double updated_at = 0;                  // last write, a mere sign of life included
  std::int64_t epoch = 0;                 // grows with every owner; a write with an older one is refused
  std::string owner;                      // empty: nobody's, whoever comes first may take it over
  friend bool operator==(const Record&, const Record&) = default;
};

}  // namespace hostler::tasks
