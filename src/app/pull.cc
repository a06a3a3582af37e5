#include "app/pull.h"

#include <fmt/format.h>

#include "app/library.h"

namespace hostler::app {
namespace {

tasks::Progress ProgressOf(const download::Snapshot& snapshot) {
  tasks::Progress progress;
  progress.phase = snapshot.phase;
  progress.bytes_done = snapshot.bytes_done;
  progress.bytes_total = snapshot.bytes_total;
  progress.speed_bytes_per_s = snapshot.speed_bytes_per_s;
  progress.eta_s = snapshot.eta_s;
  progress.files_done = snapshot.files_done;
  progress.files_total = snapshot.files_total;
  progress.warnings = snapshot.warnings;
  for (const download::FileState& file : snapshot.files) progress.files.push_back({file.path, file.state, file.bytes, file.size});
  return progress;
}

Result<Subject> Chosen(const House& house, PullRequest& request) {
  HOSTLER_TRY(Subject subject, FindSubject(house, request.id, request.unmanaged));
  if (request.revision) {
    if (!model::IsRevision(*request.revision)) {
      return Fail(Error{Code::kInvalid,
                        fmt::format("\"{}\" is no revision", Clip(*request.revision, 200)),
                        "Name a branch, a tag or a commit.",
                        "revision",
                        {}});
    }
    subject.revision = *request.revision;
  }
  if (request.include) subject.files.include = std::move(*request.include);
  if (request.exclude) subject.files.exclude = std::move(*request.exclude);
  return subject;
}

bool IsWhole(const Subject& subject) {
  return subject.entry != nullptr && subject.revision == subject.entry->revision && subject.files == subject.entry->files;
}

// The disk is short, and part of what fills it is what was deleted a moment ago.
Task<> NameTrash(House& house, Error& error) {
  if (error.name != "disk_full") co_return;
  const auto items = co_await house.disk_pool.Run([trash = &house.trash] { return trash->List(); });
  std::uint64_t bytes = 0;
  for (const store::TrashItem& item : items) bytes += item.bytes;
  if (bytes > 0) {
    error.remedy += fmt::format(" {} of deleted models can still be brought back; `hostler undo --purge` frees them now.",
                                HumanBytes(static_cast<double>(bytes)));
  }
}

Task<> PutOnShelf(House& house, tasks::Handle& handle, tasks::Progress progress, std::filesystem::path snapshot) {
  const std::string name = handle.record().key;
  const Result<> linked = co_await house.disk_pool.Run(
      [shelf = &house.shelf, name, snapshot = std::move(snapshot)] { return shelf->Link(name, snapshot); });
  if (linked) co_return;
  house.log.Warning("{} is complete, but not linked into models/: {}", name, linked.error().Text());
  progress.warnings.push_back("Not linked into models/: " + linked.error().message);
  handle.Show(std::move(progress));
}

}  // namespace

Task<Result<Begun>> StartPull(House& house, PullRequest request) {
  HOSTLER_CO_TRY(const Subject subject, Chosen(house, request));
  Begun begun{subject.id, tasks::Operation::kDownload, {}, {}, {}};
  const auto active = house.tasks.ActiveOf(subject.id);
  if (!active) {
    const store::Presence presence = co_await house.disk_pool.Run(
        [cache = &house.cache, subject] { return cache->Look(subject.repo, subject.revision, subject.files); });
    if (presence.complete && presence.known) {
      // Whoever completed it may have been another program, or killed before this.
      if (IsWhole(subject))
        (void)co_await house.disk_pool.Run(
            [shelf = &house.shelf, name = subject.id, target = presence.snapshot] { return shelf->Link(name, target); });
      begun.outcome = "already_installed";
      co_return begun;
    }
  }
  const FetchOrder order{subject.repo.kind,     subject.repo.id,       subject.revision,
                         subject.files.include, subject.files.exclude, IsWhole(subject)};
  HOSTLER_CO_TRY(tasks::Started started,
                 co_await house.tasks.StartOrJoin(subject.id, tasks::Operation::kDownload, json::ToJson(order)));
  begun.outcome = started.joined ? "joined" : "started";
  begun.task = std::move(started.record);
  co_return begun;
}

Task<Result<tasks::Ending>> RunPull(House& house, tasks::Handle& handle) {
  HOSTLER_CO_TRY(FetchOrder order, ReadOrder<FetchOrder>(handle.record().payload));
  co_return co_await FetchInto(house, handle, std::move(order));
}

Task<Result<tasks::Ending>> FetchInto(House& house, tasks::Handle& handle, FetchOrder order) {
  download::Job job;
  job.repo = {order.kind, order.repository};
  job.revision = order.revision;
  job.selection = {order.include, order.exclude};
  job.margin = static_cast<std::uint64_t>(house.config.keep_free_mb) << 20;
  tasks::Progress last;
  job.show = [&](const download::Snapshot& snapshot) {
    last = ProgressOf(snapshot);
    handle.Show(last);
  };
  job.pause = [&](double seconds, const Error& why) { return handle.Pause(seconds, why); };
  const std::string& id = handle.record().key;
  house.log.Info("Downloading {} ({} at {})", id, order.repository, order.revision);
  auto done = co_await download::Fetch({house.hub, house.cache, house.bulk_pool, house.governor}, std::move(job));
  house.scanner.Changed({order.kind, order.repository});
  if (!done) {
    co_await NameTrash(house, done.error());
    house.log.Error("{} could not be downloaded: {}", id, done.error().Text());
    co_return std::unexpected(std::move(done).error());
  }
  house.log.Info("{} is complete: {} fetched, commit {}", id, HumanBytes(static_cast<double>(done->bytes_fetched)), done->commit);
  if (order.whole) co_await PutOnShelf(house, handle, std::move(last), done->snapshot);
  co_return tasks::Ending::kCompleted;
}

Task<Result<tasks::Record>> WaitFor(House& house, std::string task_id) {
  for (;;) {
    const std::uint64_t cursor = house.tasks.ring().end();
    HOSTLER_CO_TRY(tasks::Record record, house.tasks.Get(task_id));
    if (tasks::IsFinished(record.status)) co_return record;
    if (house.closing)
      co_return Fail(Code::kUnavailable, "hostler is shutting down", "Start it again: the download continues where it was.");
    OneShot<bool> rung(co_await boost::asio::this_coro::executor);  // also by the end of the daemon
    house.tasks.ring().Notify(cursor, rung.promise());
    (void)co_await rung.Wait();
  }
}

Task<Result<std::filesystem::path>> FilesOf(House& house, model::ModelId id) {
  const auto active = house.tasks.ActiveOf(id);
  if (active && active->operation == tasks::Operation::kDelete) {
    co_return Fail(Error{Code::kConflict, fmt::format("the model \"{}\" is being deleted", id),
                         "Wait for that, then download it again.", "model", "being_deleted"});
  }
  const auto holdings = co_await house.library.Now();
  const Standing* standing = holdings->Find(id);
  if (standing == nullptr) co_return Fail(Code::kInternal, fmt::format("\"{}\" has no files in the catalogue", id));
  if (!standing->presence.complete) {
    const bool loading = active && active->operation == tasks::Operation::kDownload;
    co_return Fail(Error{Code::kConflict, fmt::format("the model \"{}\" is not downloaded{}", id, loading ? " yet" : ""),
                         loading ? "It is being downloaded; `hostler pull` shows how far it is."
                                 : fmt::format("Fetch it with `hostler pull {}` or POST /api/v2/models/download.", id),
                         "model", "not_downloaded"});
  }
  const catalog::Entry& entry = *standing->entry;
  if (entry.main_file.empty()) co_return standing->presence.snapshot;
  co_return co_await house.disk_pool.Run([cache = &house.cache, entry,
                                          presence = standing->presence]() -> Result<std::filesystem::path> {
    std::vector<std::string> files;
    for (const model::RepoFile& file :
         cache->Listing({model::RepoKind::kModel, entry.repository}, presence.commit).value_or(std::vector<model::RepoFile>{}))
      files.push_back(file.path);
    const std::string main = catalog::MainFile(entry, std::move(files));
    if (main.empty())
      return Fail(Error{Code::kConflict,
                        fmt::format("the model \"{}\" is complete, but has no file {}", entry.id, entry.main_file),
                        "Its entry in the catalogue names files that its repository does not have; correct the entry.", "model",
                        "load_failed"});
    return presence.snapshot / main;
  });
}

}  // namespace hostler::app
