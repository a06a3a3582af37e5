// Hashing a snapshot again.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "store/contents.h"
#include "store/doctor.h"
#include "store/folder.h"
#include "store/hash.h"
#include "store/layout.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

using GoOn = std::function<bool(std::uint64_t bytes, const std::string& path)>;

// The name that the content ought to have.
Result<std::string> HashFile(const fs::path& file, const std::string& path, std::string_view etag, const GoOn& go_on,
                             Verdict& verdict) {
  const os::Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) return Fail(DiskError(errno, "read", file));
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  Hasher hasher = Hasher::For(etag, static_cast<std::uint64_t>(status.st_size));
  std::string block(1 << 20, '\0');
  for (;;) {
    if (go_on && !go_on(verdict.bytes, path)) return Fail(Code::kCancelled, "the check was stopped", "Start it again.");
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(DiskError(errno, "read", file));
    if (got == 0) return hasher.Finish();
    hasher.Update(std::string_view(block.data(), static_cast<std::size_t>(got)));
    verdict.bytes += static_cast<std::uint64_t>(got);
  }
}

}  // namespace

Result<Verdict> Verify(const Cache& cache, const model::Repo& repo, const std::string& revision,
                       const model::Selection& selection, const GoOn& go_on) {
  const Presence presence = cache.Look(repo, revision, selection);
  if (presence.commit.empty()) {
    return Fail(Code::kNotFound, fmt::format("revision \"{}\" of {} is not in the cache", revision, repo.id),
                "Download it first.");
  }
  HOSTLER_TRY(const Folder folder, OpenRoot(cache.FolderOf(repo), Missing::kFail));
  const Contents contents = ReadContents(folder);
  std::map<std::string, std::string> expected;  // path -> etag, as the listing has it
  const auto listing = cache.Listing(repo, presence.commit);
  if (listing) {
    for (const model::RepoFile& file : *listing) expected[file.path] = file.etag();
  }
  Verdict verdict;
  const auto found = contents.snapshots.find(presence.commit);
  std::map<std::string, bool> hashed;  // "blob etag" -> right; each once
  for (const Entry& entry : found == contents.snapshots.end() ? std::vector<Entry>() : found->second) {
    if (!selection.Picks(entry.path)) continue;
    const auto listed = expected.find(entry.path);
    const std::string etag = listed != expected.end() ? listed->second : entry.blob;
    if (entry.broken) {
      if (listed == expected.end()) verdict.missing.push_back(entry.path);
    } else if (model::IsEtag(etag)) {  // else nobody says what it ought to be
      const std::string key = entry.blob.empty() ? "" : entry.blob + " " + etag;
      if (!hashed.contains(key) || key.empty()) {
        HOSTLER_TRY(const std::string hash, HashFile(presence.snapshot / entry.path, entry.path, etag, go_on, verdict));
        hashed[key] = hash == etag;
      }
      ++verdict.files;
      if (!hashed[key]) verdict.wrong.push_back(entry.path);
    }
    if (!entry.broken && listed != expected.end()) expected.erase(listed);
  }
  for (const auto& [path, etag] : expected) {
    if (selection.Picks(path)) verdict.missing.push_back(path);
  }
  std::ranges::sort(verdict.missing);
  return verdict;
}

}  // namespace hostler::store
