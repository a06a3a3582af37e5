// One snapshot from the hub into the cache: several files and several ranges at once, resumed, hashed on the way, published at
// the end. The only room that knows both the hub and the store.
//
// Owner: the task that runs it. Threads: the tasks' loop; disk and hashing on the pool.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "base/rate.h"
#include "base/result.h"
#include "hub/hub.h"
#include "model/repo.h"
#include "store/cache.h"

namespace hostler::download {

// One bandwidth cap over everything that is downloaded, and the memory and connections that all downloads share.
//
// Owner: hostlerd. Threads: any.
class Governor {
 public:
  struct Options {
    std::uint64_t bytes_per_second = 0;  // 0: no limit
    std::vector<RateSpan> schedule;      // other limits at some times of the day (local time)
    std::size_t most_connections = 16;
    std::size_t memory = 32u << 20;  // bytes that were received and are not on disk yet
  };
  explicit Governor(Options options);
  ~Governor();
  [[nodiscard]] std::uint64_t LimitNow() const;
  void SetLimit(std::uint64_t bytes_per_second);  // from now on, also for what is under way; replaces the schedule
  struct State;
  [[nodiscard]] const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};
struct FileState {
  std::string path;
  std::string state;  // "waiting", "downloading", "locked", "verifying", "done", "failed"
  std::uint64_t bytes = 0;
  std::uint64_t size = 0;
};
struct Snapshot {
  std::string phase;  // "resolving", "downloading", "publishing"
  std::string commit;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
  std::optional<double> speed_bytes_per_s;
  std::optional<double> eta_s;   // only once it means something
  std::vector<FileState> files;  // at most 100, those under way first
  std::size_t files_done = 0;
  std::size_t files_total = 0;
  std::vector<std::string> warnings;  // X-HF-Warning, another program that holds a lock …
};

struct Job {
  model::Repo repo;
  std::string revision = "main";
  model::Selection selection;
  std::uint64_t margin = 256ull << 20;  // bytes of the disk that must stay free
  // Called about four times a second and at each change of phase, on the loop.
  std::function<void(const Snapshot&)> show;
  // Before another attempt: waits, and shows why. Throws if cancelled.
  std::function<Task<>(double seconds, const Error& why)> pause;
};

struct Done {
  std::string commit;
  std::filesystem::path snapshot;
  std::uint64_t bytes_fetched = 0;
  bool was_complete = false;  // nothing had to be fetched
};

struct Tools {
  hub::Hub& hub;
  const store::Cache& cache;
  Pool& pool;
  Governor& governor;
};

// Errors carry their class in `name`: gated, unauthorized, not_found, offline, disk_full, permission, rate_limited, corrupt,
// network; and the remedy. Transient failures are retried here: 1, 2, 4 … 60 s with jitter, Retry-After honoured, given up after
// 8 without progress in between. Cancelling leaves what is there, to be resumed.
[[nodiscard]] Task<Result<Done>> Fetch(Tools tools, Job job);

}  // namespace hostler::download
