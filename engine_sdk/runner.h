// The threads of one loaded model, and the bounded queue before them. A model has threads of its own, so ending one never
// waits for another, and native libraries that keep state per thread see the same ones all the time.
//
// Owner: the registry; requests hold it while they wait. Threads: any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine_sdk/engine.h"
#include "engine_sdk/pipe.h"

namespace hostler::engine_sdk {

struct Job;

// Does several jobs in one call and returns how each of them ended, in their order.
using Together = std::vector<Result<>> (*)(Model&, std::span<const std::shared_ptr<Job>>);

// One request's work for a model. Lives until both the worker and the request are done with it.
struct Job {
  virtual ~Job() = default;
  std::function<Result<>(Model&, Pipe&, std::stop_token)> work;  // by itself; or:
  Together together = nullptr;                                   // with those that wait for the same function
  std::size_t texts = 1;                                         // … as long as the model's batch() has room for theirs
  Pipe pipe;
  std::stop_source stop;
};

class Runner {
 public:
  static constexpr std::size_t kWaiting = 256;  // jobs in the queue at most

  Runner(std::string name, std::unique_ptr<Model> model);
  ~Runner();  // End()
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // kBusy if the queue is full, not_loaded if the model is on its way out.
  [[nodiscard]] Result<> Submit(std::shared_ptr<Job> job);
  // Stops it if it runs, forgets it if it waits. True: it had not begun.
  bool Withdraw(const std::shared_ptr<Job>& job);
  // Refuses new jobs and those that wait, lets the running ones finish, and destroys the model. Blocks; safe to call again.
  void End();

 private:
  void Work(int number);
  [[nodiscard]] std::vector<std::shared_ptr<Job>> Next();  // empty: the end
  void Do(const std::vector<std::shared_ptr<Job>>& jobs);

  const std::string name_;
  std::unique_ptr<Model> model_;
  const std::size_t batch_;  // texts of one call
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool ending_ = false;
  std::mutex end_mutex_;  // one End() at a time
  std::vector<std::thread> threads_;
};

// Runs `work`; an exception of a native library becomes an error.
[[nodiscard]] Result<> Shielded(const std::function<Result<>()>& work);

}  // namespace hostler::engine_sdk
