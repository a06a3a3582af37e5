#include <fmt/format.h>

#include "base/text.h"
#include "download/fetching.h"

namespace hostler::download {
namespace {

constexpr auto kLockRetry = std::chrono::seconds(1);

enum class Opened { kReady, kLocked, kThere };

// The lock, then whether somebody finished it meanwhile, then what is there of it.
Result<Opened> OpenBlob(const store::Cache& cache, const model::Repo& repo, const std::string& etag, std::uint64_t size,
                        Blob& blob) {
  HOSTLER_TRY(blob.lock, cache.TryLock(repo, etag));
  if (!blob.lock) return Opened::kLocked;
  if (cache.HasBlob(repo, etag, size)) return Opened::kThere;
  HOSTLER_TRY(store::Partial partial, cache.OpenPartial(repo, etag, size));
  blob.partial.emplace(std::move(partial));
  if (blob.partial->size() > 0) HOSTLER_OK(blob.partial->HashPresent());
  return Opened::kReady;
}

Task<Result<Opened>> Open(std::shared_ptr<Fetching> fetching, FileJob& file) {
  const Busy busy(*fetching);
  file.blob = std::make_shared<Blob>();
  const store::Cache& cache = fetching->tools.cache;
  Result<Opened> opened =
      co_await fetching->tools.pool.Run([&cache, blob = file.blob, repo = fetching->job.repo, etag = file.etag,
                                         size = file.size] { return OpenBlob(cache, repo, etag, size, *blob); });
  // Another program's download that is not hostler's own kind of partial file: its lock says it all, but a race may not.
  if (!opened && opened.error().name == "busy") opened = Opened::kLocked;
  if (opened && *opened == Opened::kReady) file.frontier = file.next = file.blob->partial->size();
  co_return opened;
}

// Hashes and writes at the same time, each in order.
Task<Result<>> Write(std::shared_ptr<Fetching> fetching, std::shared_ptr<Blob> blob, std::string bytes) {
  const Busy busy(*fetching);
  const auto piece = std::make_shared<const std::string>(std::move(bytes));
  OneShot<bool> hashed(co_await boost::asio::this_coro::executor);
  fetching->tools.pool.Submit([blob, piece, promise = hashed.promise()] {
    blob->partial->Hash(*piece);
    promise.Set(true);
  });
  Result<> written = co_await fetching->tools.pool.Run([blob, piece] { return blob->partial->Write(*piece); });
  (void)co_await hashed.Wait();
  co_return written;
}

// Takes what the first segment has. Returns false if there is nothing just now.
bool TakePiece(FileJob& file, std::string& piece) {
  while (!file.segments.empty()) {
    Segment& first = *file.segments.front();
    if (!first.pieces.empty()) {
      piece = std::move(first.pieces.front());
      first.pieces.pop_front();
      first.queued -= piece.size();
      return true;
    }
    if (first.at < first.end || first.running) return false;
    file.segments.pop_front();
  }
  return false;
}

Task<Result<>> StartOver(std::shared_ptr<Fetching> fetching, FileJob& file) {
  const Busy busy(*fetching);
  fetching->Drop(file, nullptr);
  file.start_over = false;
  file.address = {};
  file.frontier = file.next = 0;
  const store::Cache& cache = fetching->tools.cache;
  co_return co_await fetching->tools.pool.Run(
      [&cache, blob = file.blob, repo = fetching->job.repo, etag = file.etag, size = file.size]() -> Result<> {
        blob->partial.reset();
        HOSTLER_TRY(store::Partial partial, cache.OpenPartial(repo, etag, size));
        blob->partial.emplace(std::move(partial));
        return blob->partial->Restart();
      });
}

// Until everything is on the disk.
Task<Result<>> Receive(std::shared_ptr<Fetching> fetching, FileJob& file) {
  file.phase = FilePhase::kReceiving;
  while (file.frontier < file.size || file.start_over) {
    if (file.start_over) {
      HOSTLER_CO_OK(co_await StartOver(fetching, file));
      fetching->bell.Ring();
      continue;
    }
    std::string piece;
    if (!TakePiece(file, piece)) {
      fetching->bell.Ring();
      co_await file.bell.WaitUntil(Clock::time_point::max());
      continue;
    }
    const std::uint64_t size = piece.size();
    HOSTLER_CO_OK(co_await Write(fetching, file.blob, std::move(piece)));
    file.frontier += size;
    file.bell.Ring();
  }
  co_return Result<>{};
}

Task<Result<>> Link(std::shared_ptr<Fetching> fetching, FileJob& file) {
  const Busy busy(*fetching);
  const store::Cache& cache = fetching->tools.cache;
  co_return co_await fetching->tools.pool.Run(
      [&cache, repo = fetching->job.repo, commit = fetching->commit, links = file.links, blob = file.blob]() -> Result<> {
        for (const model::RepoFile& link : links) HOSTLER_OK(cache.Link(repo, commit, link));
        blob->lock.reset();
        return {};
      });
}

Task<Result<>> Finish(std::shared_ptr<Fetching> fetching, FileJob& file) {
  const Busy busy(*fetching);
  file.phase = FilePhase::kFinishing;
  co_return co_await fetching->tools.pool.Run([blob = file.blob] { return blob->partial->Finish(); });
}

Task<Result<>> Whole(std::shared_ptr<Fetching> fetching, FileJob& file) {
  file.phase = FilePhase::kPreparing;
  HOSTLER_CO_TRY(const Opened opened, co_await Open(fetching, file));
  file.locked = opened == Opened::kLocked;
  if (file.locked) {
    file.phase = FilePhase::kWaiting;
    file.not_before = Clock::now() + kLockRetry;
    file.blob.reset();
    co_return Result<>{};
  }
  while (opened == Opened::kReady) {
    HOSTLER_CO_OK(co_await Receive(fetching, file));
    Result<> finished = co_await Finish(fetching, file);
    if (finished) break;
    if (finished.error().name != "corrupt" || ++file.restarts > 1) co_return finished;
    file.start_over = true;
  }
  file.frontier = file.size;
  HOSTLER_CO_OK(co_await Link(fetching, file));
  file.phase = FilePhase::kDone;
  file.blob.reset();
  co_return Result<>{};
}

}  // namespace

Task<> RunFile(std::shared_ptr<Fetching> fetching, FileJob& file) {
  Result<> done = co_await Whole(fetching, file);
  if (done) {
    fetching->bell.Ring();
    co_return;
  }
  Error error = std::move(done).error();
  if (error.name == "corrupt")
    error.message = fmt::format("{} arrives with wrong content: {}", Clip(Printable(file.path()), 200), error.message);
  fetching->Fail(std::move(error));
}

}  // namespace hostler::download
