// One Fetch() under way: its files, the segments of each, and who waits for what. Internal to this room.
//
// A file is written in order from its frontier on, by one coroutine. Segments are ranges that are received at the same time: the
// first goes straight to the disk, those ahead of the frontier wait in memory that was reserved for them before they were asked
// for, so the first can always go on. Owner: Fetch() and its coroutines together. Threads: the loop of Fetch(); Blob also the
// pool.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "download/download.h"
#include "download/governor.h"
#include "download/ramp.h"
#include "download/speed.h"

namespace hostler::download {

// Wakes those who wait; they look themselves whether it concerns them. One loop.
class Bell {
 public:
  void Ring() {
    for (Timer* timer : waiting_) timer->cancel();
  }
  [[nodiscard]] Task<> WaitUntil(Clock::time_point limit);

 private:
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  struct Place;
  std::vector<Timer*> waiting_;
};

// What the pool works on: it goes, and with it the lock, when the last job is done.
struct Blob {
  std::optional<store::BlobLock> lock;
  std::optional<store::Partial> partial;
};

struct Segment {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t at = 0;            // received so far
  std::deque<std::string> pieces;  // received, not written
  std::uint64_t queued = 0;        // bytes of these
  Share share;
  bool running = false;
  bool dropped = false;
  boost::asio::cancellation_signal cancel;
};

enum class FilePhase { kWaiting, kPreparing, kReceiving, kFinishing, kDone };

struct FileJob {
  std::string etag;
  std::uint64_t size = 0;
  std::vector<model::RepoFile> links;  // all paths with this content
  FilePhase phase = FilePhase::kWaiting;
  bool locked = false;  // somebody else downloads it
  std::shared_ptr<Blob> blob;
  std::uint64_t frontier = 0;  // on the disk
  std::uint64_t next = 0;      // segments reach so far
  std::list<std::shared_ptr<Segment>> segments;
  hub::Address address;
  bool no_ranges = false;
  bool start_over = false;  // what is there is wrong
  int restarts = 0;
  int failures = 0;  // without progress in between
  Clock::time_point not_before{};
  std::optional<Error> why;  // the last failure
  Bell bell;
  boost::asio::cancellation_signal cancel;
  [[nodiscard]] const std::string& path() const { return links.front().path; }
  [[nodiscard]] bool small() const { return size <= (2u << 20); }
};

struct Fetching {
  Fetching(Tools given, Job asked) : tools(given), job(std::move(asked)) {}
  Tools tools;
  Job job;
  std::string commit;
  std::string phase = "resolving";
  std::vector<std::unique_ptr<FileJob>> files;
  std::uint64_t bytes_present = 0;
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_fetched = 0;
  std::size_t files_total = 0;
  std::size_t files_present = 0;
  std::optional<Error> fatal;
  bool over = false;         // Fetch() is gone: nothing may be shown any more
  std::size_t children = 0;  // coroutines
  std::size_t busy = 0;      // of these, those that do not wait for a retry or for data
  Bell bell;                 // for Fetch()
  Speed speed;
  Ramp ramp;
  std::minstd_rand random{std::random_device{}()};
  std::vector<std::string> warnings;

  void Fail(Error error) {
    if (!fatal) fatal = std::move(error);
    bell.Ring();
  }
  // Seconds before the attempt after `failures`: 1, 2, 4 … 60 with jitter, or what the server asked for.
  [[nodiscard]] double Backoff(int failures, std::optional<double> asked);
  // Counts a failure of a file and decides when, or that nothing is to be tried again.
  void Failed(FileJob& file, const hub::Problem& problem);
  void Drop(FileJob& file, const Segment* but);
};

// Starts what there is room for.
void Schedule(const std::shared_ptr<Fetching>& fetching, Executor executor);
// One file: lock, what is there, what comes, the end.
[[nodiscard]] Task<> RunFile(std::shared_ptr<Fetching> fetching, FileJob& file);
// One range of it.
[[nodiscard]] Task<> RunSegment(std::shared_ptr<Fetching> fetching, FileJob& file, std::shared_ptr<Segment> segment);
[[nodiscard]] Snapshot Show(const Fetching& fetching);

struct Busy {
  explicit Busy(Fetching& fetching) : fetching(fetching) { ++fetching.busy; }
  ~Busy() {
    --fetching.busy;
    fetching.bell.Ring();
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  Fetching& fetching;
};

}  // namespace hostler::download
