#include <algorithm>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "download/fetching.h"

namespace hostler::download {
namespace {

namespace asio = boost::asio;

constexpr int kMostFailures = 8;
constexpr double kLongestWait = 300;  // seconds that a server may ask for
constexpr std::size_t kSmallAtOnce = 8;
constexpr std::size_t kFirstMemory = 2 << 20;     // of a segment that goes straight to the disk
constexpr std::uint64_t kLongSegment = 64 << 20;  // alone, it costs no memory to be long
constexpr std::uint64_t kShortSegment = 1 << 20;
constexpr std::uint64_t kPerConnection = 128 << 10;  // bytes per second under a limit: fewer are not worth a connection

void Spawn(const std::shared_ptr<Fetching>& fetching, Task<> task, asio::cancellation_signal& cancel, Executor executor) {
  ++fetching->children;
  asio::co_spawn(executor, std::move(task),
                 asio::bind_cancellation_slot(cancel.slot(), [fetching](const std::exception_ptr& thrown) {
                   --fetching->children;
                   try {
                     if (thrown) std::rethrow_exception(thrown);
                   } catch (const boost::system::system_error& error) {
                     if (error.code() != asio::error::operation_aborted)
                       fetching->Fail(Error{Code::kInternal, error.what(), {}, {}, {}});
                   } catch (const std::exception& error) {
                     fetching->Fail(Error{Code::kInternal, error.what(), "Report it.", {}, {}});
                   }
                   fetching->bell.Ring();
                 }));
}

struct Census {
  std::size_t small = 0;  // files under way
  std::size_t large = 0;
  std::size_t large_segments = 0;
};

Census Count(const Fetching& fetching) {
  Census census;
  for (const auto& file : fetching.files) {
    if (file->phase == FilePhase::kWaiting || file->phase == FilePhase::kDone) continue;
    if (file->small()) {
      ++census.small;
      continue;
    }
    if (file->phase == FilePhase::kFinishing) continue;
    ++census.large;
    const auto running =
        static_cast<std::size_t>(std::ranges::count_if(file->segments, [](const auto& s) { return s->running; }));
    census.large_segments += std::max<std::size_t>(running, file->phase == FilePhase::kPreparing ? 1 : 0);
  }
  return census;
}

std::size_t MostConnections(const Fetching& fetching) {
  const std::uint64_t limit = fetching.tools.governor.LimitNow();
  const std::size_t most = fetching.tools.governor.state()->options.most_connections;
  return limit == 0 ? most : std::clamp<std::size_t>(limit / kPerConnection, 1, most);
}

std::uint64_t AheadSize(const Fetching& fetching) {
  const std::size_t memory = fetching.tools.governor.state()->options.memory;
  return std::clamp<std::uint64_t>(memory / (2 * (fetching.ramp.connections() + 1)), kShortSegment, 16 << 20);
}

class Scheduler {
 public:
  Scheduler(const std::shared_ptr<Fetching>& fetching, Executor executor)
      : fetching_(fetching), executor_(executor), now_(Clock::now()), census_(Count(*fetching)) {}

  void Run() {
    for (const auto& file : fetching_->files) {
      if (file->phase == FilePhase::kReceiving && !file->start_over && now_ >= file->not_before) Continue(*file);
    }
    for (const auto& file : fetching_->files) {
      if (file->phase == FilePhase::kWaiting && now_ >= file->not_before) Begin(*file);
    }
    for (const auto& file : fetching_->files) {
      if (file->phase == FilePhase::kReceiving && !file->start_over && now_ >= file->not_before) Widen(*file);
    }
  }

 private:
  // Nothing of ours has a connection: waiting for others to give one back could last for ever.
  [[nodiscard]] bool Idle() const { return fetching_->busy == 0; }
  [[nodiscard]] bool RoomForLarge() const { return census_.large_segments < fetching_->ramp.connections(); }

  void Begin(FileJob& file) {
    if (file.small() ? census_.small >= kSmallAtOnce : !RoomForLarge()) return;
    file.small() ? ++census_.small : ++census_.large_segments;
    file.phase = FilePhase::kPreparing;
    Spawn(fetching_, RunFile(fetching_, file), file.cancel, executor_);
  }

  // Segments that broke off, and the first one.
  void Continue(FileJob& file) {
    for (const auto& segment : file.segments) {
      if (segment->running || segment->at >= segment->end) continue;
      if (!segment->share.Reconnect(Idle())) return;
      Start(file, segment);
    }
    if (!file.segments.empty() || file.next >= file.size) return;
    auto segment = std::make_shared<Segment>();
    const std::uint64_t length = fetching_->ramp.connections() == 1 || file.no_ranges ? kLongSegment : AheadSize(*fetching_);
    segment->begin = segment->at = file.next;
    segment->end = file.no_ranges ? file.size : std::min(file.size, file.next + length);
    const std::size_t memory = static_cast<std::size_t>(std::min<std::uint64_t>(kFirstMemory, file.size - file.next));
    if (!segment->share.Take(fetching_->tools.governor.state(), memory, Idle())) return;
    Add(file, segment);
  }

  // More ranges ahead of the first, each with its memory.
  void Widen(FileJob& file) {
    while (!file.no_ranges && !file.segments.empty() && RoomForLarge() && file.failures == 0 && !file.address.url.empty()) {
      const std::uint64_t length = AheadSize(*fetching_);
      Segment& first = *file.segments.front();
      // A long first segment ends earlier, so that what comes after it need not wait for it.
      if (file.segments.size() == 1 && first.running && first.end > first.at + 2 * length)
        first.end = file.next = first.at + length;
      if (file.next >= file.size) return;
      auto segment = std::make_shared<Segment>();
      segment->begin = segment->at = file.next;
      segment->end = std::min(file.size, file.next + length);
      if (!segment->share.Take(fetching_->tools.governor.state(), static_cast<std::size_t>(length + length / 4), false)) return;
      Add(file, segment);
    }
  }

  void Add(FileJob& file, const std::shared_ptr<Segment>& segment) {
    file.next = segment->end;
    file.segments.push_back(segment);
    if (!file.small()) ++census_.large_segments;
    Start(file, segment);
  }

  void Start(FileJob& file, const std::shared_ptr<Segment>& segment) {
    segment->running = true;
    Spawn(fetching_, RunSegment(fetching_, file, segment), segment->cancel, executor_);
  }

  const std::shared_ptr<Fetching>& fetching_;
  const Executor executor_;
  const Clock::time_point now_;
  Census census_;
};

}  // namespace

void Schedule(const std::shared_ptr<Fetching>& fetching, Executor executor) {
  Scheduler(fetching, executor).Run();
  // Only now: between the end of one segment and the start of the next there is always one too few.
  const std::size_t before = fetching->ramp.connections();
  const bool saturated = Count(*fetching).large_segments >= before;
  fetching->ramp.Look(Clock::now(), fetching->bytes_fetched, saturated, MostConnections(*fetching));
  if (fetching->ramp.connections() > before) Scheduler(fetching, executor).Run();
}

double Fetching::Backoff(int failures, std::optional<double> asked) {
  if (asked) return std::min(*asked, kLongestWait);
  const double seconds = std::min(60.0, static_cast<double>(1 << std::clamp(failures - 1, 0, 6)));
  return seconds * std::uniform_real_distribution<double>(0.75, 1.25)(random);
}

void Fetching::Failed(FileJob& file, const hub::Problem& problem) {
  const Clock::time_point now = Clock::now();
  if (problem.expired) file.address = {};
  if (problem.range_refused || problem.error.name == "corrupt") {
    file.address = {};
    if (++file.restarts > 1) return Fail(problem.error);
    file.start_over = true;
    file.bell.Ring();
    return;
  }
  if (!problem.transient) return Fail(problem.error);
  if (now < file.not_before) return;  // several segments broke at the same time: one failure
  ++file.failures;
  file.why = problem.error;
  if (file.failures >= kMostFailures) return Fail(problem.error);
  // A first address that ran out is renewed at once: that is the ordinary course of a long download.
  if (problem.expired && file.failures == 1 && !problem.retry_after_s) return;
  const auto wait =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(Backoff(file.failures, problem.retry_after_s)));
  file.not_before = now + wait;
  if (problem.error.name != "rate_limited") return;
  for (const auto& other : files) other->not_before = std::max(other->not_before, file.not_before);
}

void Fetching::Drop(FileJob& file, const Segment* but) {
  const auto segments = std::exchange(file.segments, {});
  for (const auto& segment : segments) {
    if (segment.get() == but) {
      file.segments.push_back(segment);
      continue;
    }
    segment->dropped = true;
    segment->cancel.emit(boost::asio::cancellation_type::terminal);
  }
}

}  // namespace hostler::download
