// One engine process with one loaded model: start, greet, load, watch, stop.
//
// Owner: lifecycle (or a probe). Threads: the control loop only, except Handle, which any thread may use.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "base/gate.h"
#include "base/guarded.h"
#include "base/result.h"
#include "engines/adapter.h"
#include "engines/dossier.h"
#include "engines/family.h"
#include "events/ring.h"
#include "http/client.h"
#include "log/log.h"
#include "model/model.h"
#include "os/descriptor.h"
#include "os/process.h"
#include "wire/wire.h"

namespace hostler::engines {

// What requests on other threads may know of an instance. The gate counts their leases; whoever holds a Handle keeps it alive.
struct Handle {
  model::ModelId model;
  const Adapter* adapter = nullptr;  // how to talk to it
  http::Endpoint endpoint;
  wire::Capabilities capabilities;
  std::vector<wire::Voice> voices;
  Gate gate;
  std::atomic<std::int64_t> last_used_ns{0};  // steady clock; for LRU
  std::atomic<bool> dead{false};              // the process has ended: requests say so instead of "connection reset"
  mutable events::Bell died;                  // rung once, when `dead` is true
  os::Descriptor process;                     // a pidfd: readable once the process has ended, a moment before `dead`
  std::function<void()> unreachable;          // any thread: told when nobody could connect to it
  std::atomic<double> memory_mb{0};           // of the process group, read after the load and now and then

  // What is being worked on, for crash dossiers: "speech of 35 bytes of text".
  [[nodiscard]] std::uint64_t Begin(std::string what) const;
  void End(std::uint64_t id) const;
  [[nodiscard]] std::vector<std::string> Requests() const;

 private:
  struct Request {
    std::string what;
    Clock::time_point since;
  };
  mutable Guarded<std::map<std::uint64_t, Request>> requests_;
};

// One entry in a handle's list of requests, as long as it lives.
class Activity {
 public:
  Activity(std::shared_ptr<const Handle> handle, std::string what)
      : handle_(std::move(handle)), id_(handle_->Begin(std::move(what))) {}
  Activity(Activity&& other) noexcept = default;
  Activity& operator=(Activity&&) = delete;
  ~Activity() {
    if (handle_) handle_->End(id_);
  }

 private:
  std::shared_ptr<const Handle> handle_;
  std::uint64_t id_;
};

struct Deadlines {
  Clock::duration start = std::chrono::seconds(10);            // until /health answers
  Clock::duration load = std::chrono::seconds(60);             // until the model is loaded
  Clock::duration stop = std::chrono::seconds(10);             // from SIGTERM to SIGKILL
  Clock::duration health_interval = std::chrono::seconds(15);  // between checks of an idle engine; 0: none
  Clock::duration health = std::chrono::seconds(5);            // for one such answer
};

// Everything an instance needs from the house. One per daemon.
struct Workshop {
  Loop* control = nullptr;
  Pool* pool = nullptr;  // for memory readings; nothing long may run there, or loads and unloads wait
  log::Log* log = nullptr;
  std::filesystem::path engines_folder;                    // where hostler-engine-* lie
  std::filesystem::path socket_folder;                     // private to this daemon
  std::shared_ptr<const os::Descriptor> socket_folder_fd;  // the same folder, opened: sockets are made and reached through
                                                           // it, however long the path, wherever it is moved
  // Opens that folder again when it is gone, made anew; the error says why it cannot be. Null: it cannot.
  std::function<Result<os::Descriptor>()> reopen_sockets;
  Family family;
  std::string marker;  // "HOSTLER_ENGINE_HOME=…": in the environment of every engine, to find left-overs
  int threads = 1;
  // Where the files of an entry with a repository are; asked before its engine is started.
  std::function<Task<Result<std::filesystem::path>>(model::ModelId)> find_files;
  int max_memory_mb = 0;  // of one engine with all that it starts; 0: no limit. An entry may have its own
  int max_processes = 0;  // … and threads
  Deadlines deadlines;
  std::function<void(const http::Endpoint&)> forget;  // told when an engine has ended: nobody can reach it there any more
};

// Path of the entry's executable; kUnavailable ("provider_missing") with the remedy if it is not there.
[[nodiscard]] Result<std::filesystem::path> FindEngine(const Workshop& workshop, const model::Entry& entry);

class Instance {
 public:
  // `on_end` is called on the control loop when a started instance ends without Stop() having been asked for.
  using OnEnd = std::function<void(Dossier)>;

  // Told of each sign of progress while the model loads, on the control loop.
  using OnProgress = std::function<void(const wire::LoadProgress&)>;

  Instance(Workshop& workshop, model::Entry entry, OnEnd on_end, OnProgress on_progress = {});
  ~Instance();  // kills what still runs
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Spawns, greets, loads, asks for capabilities and voices. On an error the process is gone and `dossier` tells more if it died.
  [[nodiscard]] Task<Result<model::Receipt>> Start();
  // SIGTERM, then SIGKILL of the group after the deadline. Returns what was freed. If it ended by itself a moment before, on_end
  // is not called any more: `dossier` then tells.
  [[nodiscard]] Task<model::Receipt> Stop();
  // SIGKILL to the group at once; whatever waits for the engine then fails by itself.
  void Kill();

  [[nodiscard]] const std::shared_ptr<Handle>& handle() const { return handle_; }
  [[nodiscard]] pid_t pid() const;
  // Set if the process died during Start(), or unasked during Stop().
  [[nodiscard]] const std::optional<Dossier>& dossier() const { return dossier_; }

 private:
  [[nodiscard]] Task<Result<>> Spawn();
  void Watch();  // the process that was just spawned
  [[nodiscard]] Dossier MakeDossier(const std::string& reason) const;
  // The error to report when a step of Start() failed: of the step, or of the process if that ended.
  [[nodiscard]] Task<Error> WhyNotStarted(Error step);

  static Task<> WatchExit(std::shared_ptr<Running> running, Instance* instance);
  static Task<> ReadErrors(std::shared_ptr<Running> running);
  static Task<> CheckHealth(std::shared_ptr<Running> running, Instance* instance);
  static Task<> AskHealth(std::shared_ptr<Running> running, Deadlines deadlines, bool unreachable);
  static Task<> WatchUse(std::shared_ptr<Running> running, Workshop& workshop);
  static Task<> EndLeftBehind(Workshop& workshop, std::string model);

  Workshop& workshop_;
  const model::Entry entry_;
  const OnEnd on_end_;
  const OnProgress on_progress_;
  std::string files_;  // what the engine is given: the entry's path, or where its repository is
  std::shared_ptr<Handle> handle_;
  std::shared_ptr<Running> running_;
  http::Client client_;
  std::optional<Dossier> dossier_;
};

}  // namespace hostler::engines
