// What the coroutines that watch one engine process hold, so that they may outlive the Instance for a moment; adapters work with
// it too. Internal to this room.
//
// Threads: the control loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "async/event.h"
#include "engines/adapter.h"
#include "engines/instance.h"
#include "engines/tail.h"

namespace hostler::engines {

using StreamDescriptor = boost::asio::posix::basic_stream_descriptor<Executor>;

struct Running {
  // `exit_watch`: a duplicate of the child's pidfd; `errors`: its standard error.
  Running(Executor executor, os::Child process, os::Descriptor exit_watch, os::Descriptor errors)
      : child(std::move(process)), exit_watch(executor, exit_watch.Release()), errors(executor, errors.Release()) {}

  os::Child child;
  StreamDescriptor exit_watch;
  StreamDescriptor errors;
  std::optional<StreamDescriptor> output;  // standard output, of engines that report there
  os::Descriptor input;                    // and the end of their standard input that is ours
  Event ended;                             // reaped, and its last words read
  Event errors_done;                       // standard error is at its end
  Tail tail;
  std::optional<os::Exit> exit;
  std::size_t leases_at_exit = 0;
  std::vector<std::string> requests_at_exit;
  std::string killed_because;  // set before we kill it ourselves for misbehaving
  std::string remedy;          // for that
  int max_memory_mb = 0;
  int max_processes = 0;
  std::string mark;                                     // in its environment, and in nobody else's
  std::shared_ptr<const os::Descriptor> socket_folder;  // its socket is reached through this
  std::string socket_name;
  bool asking_health = false;
  bool stopping = false;
  bool started = false;
  std::string phase = "starting";
  Clock::time_point since = Clock::now();
  std::shared_ptr<Handle> handle;
  log::Log* log = nullptr;
  http::Endpoint endpoint;
  std::function<void(const http::Endpoint&)> forget;
  std::function<void(const wire::LoadProgress&)> on_progress;
  bool instance_gone = false;
};

// Why a started engine ended unasked, in one sentence for people.
[[nodiscard]] inline std::string WhyEnded(const Running& running) {
  return running.killed_because.empty() ? "the engine ended by itself: " + running.exit->Text() : running.killed_because;
}

// How long reading the weights at `path` (a file or a folder) may take beyond the configured deadline. Reads the disk.
[[nodiscard]] Clock::duration ReadingTime(const std::filesystem::path& path);

inline constexpr int kPatience = 20;  // times the deadline, for a load that makes progress and never ends

}  // namespace hostler::engines
