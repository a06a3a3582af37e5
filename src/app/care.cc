#include "app/care.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "app/library.h"
#include "app/pull.h"

namespace hostler::app {
namespace {

// Hashing runs on the pool; the task's coroutine may be cancelled meanwhile, which the job must hear.
struct Hashing {
  std::atomic<bool> stop{false};
  struct StopAtEnd {
    std::shared_ptr<Hashing> hashing;
    ~StopAtEnd() { hashing->stop = true; }
  };
};

// The task's own view of it, kept apart from the handle: the job may outlive the coroutine, and with it the handle.
struct Meter {
  Meter(tasks::Handle& the_handle, Executor the_executor) : handle(&the_handle), executor(the_executor) {}
  tasks::Handle* handle;  // null once the coroutine is gone; touched on its loop only
  const Executor executor;
};

Task<Result<store::Verdict>> Hash(House& house, tasks::Handle& handle, const VerifyOrder& order, std::uint64_t total) {
  const auto hashing = std::make_shared<Hashing>();
  const Hashing::StopAtEnd stop{hashing};
  const auto meter = std::make_shared<Meter>(handle, co_await boost::asio::this_coro::executor);
  struct Detach {
    std::shared_ptr<Meter> meter;
    ~Detach() { meter->handle = nullptr; }
  };
  const Detach detach{meter};
  const auto go_on = [hashing, meter, total](std::uint64_t bytes, const std::string& path) {
    boost::asio::post(meter->executor, [meter, bytes, path, total] {
      if (meter->handle == nullptr) return;
      tasks::Progress progress;
      progress.phase = "verifying";
      progress.bytes_done = bytes;
      progress.bytes_total = total;
      progress.files.push_back({path, "verifying", 0, 0});
      meter->handle->Show(std::move(progress));
    });
    return !hashing->stop.load();
  };
  co_return co_await house.bulk_pool.Run([cache = &house.cache, order, go_on] {
    return store::Verify(*cache, {order.kind, order.repository}, order.revision, {order.include, order.exclude}, go_on);
  });
}

Error Corrupt(const std::string& id, const store::Verdict& verdict) {
  const bool many = verdict.wrong.size() > 1;
  std::vector<std::string> shown(
      verdict.wrong.begin(), verdict.wrong.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(5, verdict.wrong.size())));
  return Error{
      Code::kUpstream,
      fmt::format("{} file{} of \"{}\" {} not what {} should be: {}{}", verdict.wrong.size(), many ? "s" : "", id,
                  many ? "are" : "is", many ? "they" : "it", Join(shown, ", "), verdict.wrong.size() > shown.size() ? ", …" : ""),
      fmt::format("`hostler verify {} --repair` takes {} away and fetches {} again.", id, many ? "them" : "it",
                  many ? "them" : "it"),
      {},
      "corrupt"};
}

// A pattern that matches this path and nothing else.
std::string Literally(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '[' || c == '*' || c == '?')
      pattern.append("[").append(1, c).append("]");
    else
      pattern += c;
  }
  return pattern;
}

// The wrong files leave the cache for good, so that they count as missing.
Task<Result<>> DropWrong(House& house, const VerifyOrder& order, const std::string& id, const store::Verdict& verdict) {
  store::Scope scope;
  scope.repo = {order.kind, order.repository};
  for (const std::string& path : verdict.wrong) scope.files.include.push_back(Literally(path));
  co_return co_await house.disk_pool.Run([cache = &house.cache, trash = &house.trash, scope, id]() -> Result<> {
    HOSTLER_TRY(const store::RemovalPlan plan, store::PlanRemoval(*cache, scope));
    HOSTLER_TRY(const store::TrashItem item, trash->Remove(plan, id, store::Fate::kDoomed));
    const auto purged = trash->Purge(item.id);
    return purged || purged.error().code == Code::kNotFound ? Result<>{} : Fail(purged.error());
  });
}

}  // namespace

Task<Result<Begun>> StartVerify(House& house, VerifyRequest request) {
  HOSTLER_CO_TRY(Subject subject, FindSubject(house, request.id, request.unmanaged));
  if (!request.revision.empty()) subject.revision = request.revision;
  const VerifyOrder order{subject.repo.kind,     subject.repo.id,       subject.revision,
                          subject.files.include, subject.files.exclude, request.repair};
  HOSTLER_CO_TRY(tasks::Started started,
                 co_await house.tasks.StartOrJoin(subject.id, tasks::Operation::kVerify, json::ToJson(order)));
  Begun begun{subject.id, tasks::Operation::kVerify, {}, started.joined ? "joined" : "started", {}};
  begun.task = std::move(started.record);
  co_return begun;
}

Task<Result<tasks::Ending>> RunVerify(House& house, tasks::Handle& handle) {
  const std::string id = handle.record().key;
  HOSTLER_CO_TRY(const VerifyOrder order, ReadOrder<VerifyOrder>(handle.record().payload));
  const model::Repo repo{order.kind, order.repository};
  const store::Presence presence = co_await house.disk_pool.Run(
      [cache = &house.cache, repo, order] { return cache->Look(repo, order.revision, {order.include, order.exclude}); });
  if (presence.commit.empty()) co_return tasks::Ending::kNotInstalled;
  HOSTLER_CO_TRY(const store::Verdict verdict, co_await Hash(house, handle, order, presence.bytes_present));
  if (verdict.wrong.empty() && (verdict.missing.empty() || !order.repair)) {
    tasks::Progress progress;
    progress.phase = "verifying";
    progress.bytes_done = progress.bytes_total = verdict.bytes;
    progress.files_done = progress.files_total = verdict.files;
    if (!verdict.missing.empty())
      progress.warnings.push_back(fmt::format("{} files are not downloaded yet", verdict.missing.size()));
    handle.Show(std::move(progress));
    co_return tasks::Ending::kCompleted;
  }
  if (!order.repair) co_return std::unexpected(Corrupt(id, verdict));
  if (!verdict.wrong.empty()) {
    house.log.Warning("{}: {} wrong files are fetched again: {}", id, verdict.wrong.size(), Join(verdict.wrong, ", "));
    HOSTLER_CO_OK(co_await DropWrong(house, order, id, verdict));
  }
  co_return co_await FetchInto(house, handle,
                               {order.kind, order.repository, order.revision, order.include, order.exclude, false});
}

Task<Result<std::vector<store::Finding>>> Examine(House& house) {
  co_return co_await house.bulk_pool.Run(
      [cache = &house.cache, shelf = house.shelf.models()] { return store::Examine(*cache, shelf); });
}

Task<Result<std::vector<Mended>>> Mend(House& house, std::vector<std::string> paths) {
  HOSTLER_CO_TRY(const std::vector<store::Finding> findings, co_await Examine(house));
  for (const std::string& path : paths) {
    const bool found = std::any_of(findings.begin(), findings.end(),
                                   [&](const store::Finding& one) { return one.path == path && one.mendable; });
    if (!found) {
      co_return Fail(Error{Code::kNotFound,
                           fmt::format("nothing that can be mended is at \"{}\"", Clip(path, 300)),
                           "GET /api/v2/models/doctor lists what is.",
                           "paths",
                           {}});
    }
  }
  std::vector<Mended> done;
  for (const store::Finding& finding : findings) {
    if (!finding.mendable || (!paths.empty() && std::find(paths.begin(), paths.end(), finding.path) == paths.end())) continue;
    const Result<> mended = co_await house.bulk_pool.Run(
        [cache = &house.cache, shelf = house.shelf.models(), finding] { return store::Mend(*cache, shelf, finding); });
    if (const auto repo = model::RepoOfFolder(finding.folder)) house.scanner.Changed(*repo);
    done.push_back({finding, mended ? "" : mended.error().Text()});
  }
  co_return done;
}

}  // namespace hostler::app
