#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "download/fetching.h"
#include "store/hash.h"

namespace hostler::download {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr int kMostFailures = 8;
constexpr std::size_t kMostShown = 100;
constexpr std::size_t kMostProbes = 500;

void Tell(Fetching& fetching) {
  if (fetching.job.show && !fetching.over) fetching.job.show(Show(fetching));
}

// Asks the hub until it answers or asking again is no use.
template <class T>
Task<Result<T>> Insist(std::shared_ptr<Fetching> fetching, std::function<Task<hub::Reply<T>>()> ask) {
  for (int failures = 1;; ++failures) {
    hub::Reply<T> reply = co_await ask();
    if (reply) co_return std::move(*reply);
    hub::Problem& problem = reply.error();
    if (!problem.transient || failures >= kMostFailures) co_return Fail(std::move(problem.error));
    co_await fetching->job.pause(fetching->Backoff(failures, problem.retry_after_s), problem.error);
  }
}

// What git calls the pointer that stands for a large file: listings on the disk have it too.
std::string PointerId(const model::RepoFile& file) {
  const std::string pointer =
      fmt::format("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n", file.sha256.value_or(""), file.size);
  store::Hasher hasher = store::Hasher::Git(pointer.size());
  hasher.Update(pointer);
  return hasher.Finish();
}

// Whatever the hub hid in its listing is asked for by name, as far as it is wanted.
Task<Result<>> Unmask(std::shared_ptr<Fetching> fetching, std::vector<model::RepoFile>& files) {
  std::size_t probes = 0;
  for (model::RepoFile& file : files) {
    if (!file.etag().empty()) continue;
    if (++probes > kMostProbes) {
      co_return Fail(Error{Code::kForbidden,
                           fmt::format("the hub hides the hashes of the files of {}", fetching->job.repo.id),
                           "Log in with a token that has access.",
                           {},
                           "gated"});
    }
    hub::Hub& hub = fetching->tools.hub;
    std::function<Task<hub::Reply<model::RepoFile>>()> ask = [&] {
      return hub.Probe(fetching->job.repo, fetching->commit, file.path);
    };
    HOSTLER_CO_TRY(file, co_await Insist(fetching, std::move(ask)));
    if (file.blob_id.empty()) file.blob_id = PointerId(file);
  }
  co_return Result<>{};
}

Result<std::vector<model::RepoFile>> Select(const Job& job, const std::vector<model::RepoFile>& all) {
  std::vector<model::RepoFile> selected;
  std::ranges::copy_if(all, std::back_inserter(selected), [&](const auto& file) { return job.selection.Picks(file.path); });
  if (!selected.empty()) return selected;
  if (all.empty()) {
    return Fail(Error{Code::kNotFound,
                      fmt::format("{} has no files at {}", job.repo.id, job.revision),
                      "Choose another revision, or wait until its author has put something there.",
                      {},
                      "not_found"});
  }
  return Fail(Error{Code::kNotFound,
                    fmt::format("none of the {} files of {} is selected", all.size(), job.repo.id),
                    "Look at the patterns of files to include and to exclude.",
                    {},
                    "not_found"});
}

Result<> CheckSpace(const store::Cache& cache, std::uint64_t missing, std::uint64_t margin) {
  if (missing == 0) return {};
  HOSTLER_TRY(const store::Space space, cache.FreeSpace());
  if (missing + margin <= space.free) return {};
  return Fail(Error{Code::kUnavailable,
                    fmt::format("not enough room in {}: {} are needed (with {} to spare), {} are free", cache.root().string(),
                                HumanBytes(static_cast<double>(missing + margin)), HumanBytes(static_cast<double>(margin)),
                                HumanBytes(static_cast<double>(space.free))),
                    "Delete models that you no longer need, or set HF_HUB_CACHE to a folder on a larger disk.",
                    {},
                    "disk_full"});
}

void AddFiles(Fetching& fetching, const store::FetchPlan& plan, const std::vector<model::RepoFile>& selected) {
  std::map<std::string_view, std::vector<model::RepoFile>> by_etag;
  for (const model::RepoFile& file : selected) by_etag[file.etag()].push_back(file);
  for (const store::MissingBlob& missing : plan.missing) {
    auto file = std::make_unique<FileJob>();
    file->etag = missing.etag;
    file->size = missing.size;
    file->frontier = missing.have;
    file->links = by_etag[missing.etag];
    fetching.files.push_back(std::move(file));
  }
  // Large ones first, beside the small ones, which have places of their own: the end is not one long file alone.
  std::ranges::stable_sort(fetching.files, std::ranges::greater{}, [](const auto& file) { return file->size; });
  fetching.bytes_total = plan.bytes_total;
  fetching.bytes_present = plan.bytes_present;
  fetching.files_total = plan.files_total;
  std::size_t missing_files = 0;
  for (const auto& file : fetching.files) missing_files += file->links.size();
  fetching.files_present = plan.files_total - std::min(plan.files_total, missing_files);
}

// The moment of the next attempt, and why one has to wait for it; nullopt if something is under way.
std::optional<Clock::time_point> NextAttempt(const Fetching& fetching, std::optional<Error>& why) {
  if (fetching.busy > 0) return std::nullopt;
  std::optional<Clock::time_point> next;
  for (const auto& file : fetching.files) {
    if (file->phase == FilePhase::kDone) continue;
    if (!next || file->not_before < *next) {
      next = file->not_before;
      why = file->why;
    }
  }
  return next;
}

bool AllDone(const Fetching& fetching) {
  return std::ranges::all_of(fetching.files, [](const auto& file) { return file->phase == FilePhase::kDone; });
}

void CancelAll(Fetching& fetching) {
  for (const auto& file : fetching.files) {
    fetching.Drop(*file, nullptr);
    file->cancel.emit(boost::asio::cancellation_type::terminal);
  }
}

// Whatever way Fetch() ends, its coroutines end too.
struct Ending {
  std::shared_ptr<Fetching> fetching;
  ~Ending() {
    fetching->over = true;
    CancelAll(*fetching);
  }
};

Task<Result<>> Receive(std::shared_ptr<Fetching> fetching) {
  const Executor executor = co_await boost::asio::this_coro::executor;
  Clock::time_point shown{};
  while (!AllDone(*fetching) && !fetching->fatal) {
    Schedule(fetching, executor);
    const Clock::time_point now = Clock::now();
    if (now - shown >= kTick) {
      shown = now;
      fetching->speed.Note(now, fetching->bytes_fetched);
      Tell(*fetching);
    }
    std::optional<Error> why;
    const auto next = NextAttempt(*fetching, why);
    if (next && why && *next > now) {
      co_await fetching->job.pause(Seconds(*next - now), *why);
      continue;
    }
    co_await fetching->bell.WaitUntil(shown + kTick);
  }
  CancelAll(*fetching);
  while (fetching->children > 0) co_await fetching->bell.WaitUntil(Clock::time_point::max());
  if (fetching->fatal) co_return Fail(*fetching->fatal);
  co_return Result<>{};
}

Task<Result<>> Publish(std::shared_ptr<Fetching> fetching, std::vector<model::RepoFile> to_link) {
  fetching->phase = "publishing";
  Tell(*fetching);
  const store::Cache& cache = fetching->tools.cache;
  co_return co_await fetching->tools.pool.Run([&cache, repo = fetching->job.repo, revision = fetching->job.revision,
                                               commit = fetching->commit, links = std::move(to_link)]() -> Result<> {
    for (const model::RepoFile& file : links) HOSTLER_OK(cache.Link(repo, commit, file));
    if (model::IsCommit(revision)) return {};
    return cache.WriteRef(repo, revision, commit);
  });
}

struct Prepared {
  store::FetchPlan plan;
  std::vector<model::RepoFile> selected;
};

// The listing, what of it is missing, and whether there is room; then the folders.
Task<Result<Prepared>> Prepare(std::shared_ptr<Fetching> fetching) {
  hub::Hub& hub = fetching->tools.hub;
  const Job& job = fetching->job;
  std::function<Task<hub::Reply<std::string>>()> resolve = [&] { return hub.Resolve(job.repo, job.revision); };
  HOSTLER_CO_TRY(fetching->commit, co_await Insist(fetching, std::move(resolve)));
  Tell(*fetching);
  std::function<Task<hub::Reply<hub::Listing>>()> tree = [&] { return hub.Tree(job.repo, fetching->commit); };
  HOSTLER_CO_TRY(hub::Listing listing, co_await Insist(fetching, std::move(tree)));
  HOSTLER_CO_OK(co_await Unmask(fetching, listing.files));
  HOSTLER_CO_TRY(std::vector<model::RepoFile> selected, Select(job, listing.files));
  const store::Cache& cache = fetching->tools.cache;
  auto work = [&cache, repo = job.repo, commit = fetching->commit, margin = job.margin, selected,
               all = std::move(listing.files)]() -> Result<store::FetchPlan> {
    HOSTLER_TRY(store::FetchPlan plan, cache.Plan(repo, commit, selected));
    HOSTLER_OK(CheckSpace(cache, plan.bytes_missing(), margin));
    HOSTLER_OK(cache.Prepare(repo, commit, all));
    return plan;
  };
  HOSTLER_CO_TRY(store::FetchPlan plan, co_await fetching->tools.pool.Run(std::move(work)));
  co_return Prepared{std::move(plan), std::move(selected)};
}

std::string_view StateOf(const FileJob& file) {
  switch (file.phase) {
    case FilePhase::kWaiting: return file.locked ? "locked" : "waiting";
    case FilePhase::kPreparing:
    case FilePhase::kFinishing: return "verifying";
    case FilePhase::kReceiving: return "downloading";
    case FilePhase::kDone: return "done";
  }
  return "waiting";
}

int Order(const FileJob& file) {
  if (file.phase == FilePhase::kDone) return 2;
  return file.phase == FilePhase::kWaiting && !file.locked ? 1 : 0;
}

}  // namespace

struct Bell::Place {
  Place(std::vector<Timer*>& list, Timer* timer) : list(list), timer(timer) { list.push_back(timer); }
  ~Place() { std::erase(list, timer); }
  std::vector<Timer*>& list;
  Timer* timer;
};

Task<> Bell::WaitUntil(Clock::time_point limit) {
  Timer timer(co_await boost::asio::this_coro::executor, limit);
  const Place place(waiting_, &timer);
  co_await timer.async_wait(kAsTuple);
  if ((co_await boost::asio::this_coro::cancellation_state).cancelled() != boost::asio::cancellation_type::none) {
    throw boost::system::system_error(boost::asio::error::operation_aborted);
  }
}

Snapshot Show(const Fetching& fetching) {
  Snapshot snapshot;
  snapshot.phase = fetching.phase;
  snapshot.commit = fetching.commit;
  snapshot.bytes_total = fetching.bytes_total;
  snapshot.bytes_done = fetching.bytes_present;
  snapshot.files_total = fetching.files_total;
  snapshot.files_done = fetching.files_present;
  std::vector<const FileJob*> files;
  for (const auto& file : fetching.files) {
    snapshot.bytes_done += file->frontier;
    if (file->phase == FilePhase::kDone) snapshot.files_done += file->links.size();
    if (file->locked)
      snapshot.warnings.push_back(fmt::format("another program is downloading {}; hostler waits for it", file->path()));
    files.push_back(file.get());
  }
  std::ranges::stable_sort(files, {}, [](const FileJob* file) { return Order(*file); });
  if (files.size() > kMostShown) files.resize(kMostShown);
  for (const FileJob* file : files)
    snapshot.files.push_back({file->path(), std::string(StateOf(*file)), file->frontier, file->size});
  for (std::string& warning : fetching.tools.hub.Warnings()) snapshot.warnings.push_back(std::move(warning));
  if (fetching.phase != "downloading") return snapshot;
  snapshot.speed_bytes_per_s = fetching.speed.Get();
  if (snapshot.speed_bytes_per_s && *snapshot.speed_bytes_per_s > 1 && snapshot.bytes_total > snapshot.bytes_done)
    snapshot.eta_s = static_cast<double>(snapshot.bytes_total - snapshot.bytes_done) / *snapshot.speed_bytes_per_s;
  return snapshot;
}

Task<Result<Done>> Fetch(Tools tools, Job job) {
  const auto fetching = std::make_shared<Fetching>(tools, std::move(job));
  const Ending ending{fetching};
  Tell(*fetching);
  HOSTLER_CO_TRY(Prepared prepared, co_await Prepare(fetching));
  AddFiles(*fetching, prepared.plan, prepared.selected);
  fetching->phase = "downloading";
  Tell(*fetching);
  HOSTLER_CO_OK(co_await Receive(fetching));
  const bool was_complete = prepared.plan.missing.empty();
  HOSTLER_CO_OK(co_await Publish(fetching, std::move(prepared.plan.to_link)));
  Done done;
  done.commit = fetching->commit;
  done.snapshot = tools.cache.SnapshotOf(fetching->job.repo, fetching->commit);
  done.bytes_fetched = fetching->bytes_fetched;
  done.was_complete = was_complete;
  co_return done;
}

}  // namespace hostler::download
