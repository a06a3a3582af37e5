#include "store/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <map>

#include "base/text.h"
#include "store/folder.h"
#include "store/layout.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTagText =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks the folder as a cache, so that backups may pass it over.\n"
    "# For information about cache directory tags see https://bford.info/cachedir/\n";

// The size of a regular file, links followed.
std::optional<std::uint64_t> FileSize(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

// One entry for each blob, however many paths have it.
Result<std::map<std::string, MissingBlob>> Group(const std::vector<model::RepoFile>& files) {
  std::map<std::string, MissingBlob> blobs;
  for (const model::RepoFile& file : files) {
    HOSTLER_OK(CheckFile(file));
    auto [at, added] = blobs.try_emplace(file.etag(), MissingBlob{file.etag(), file.size, 0, {}});
    if (!added && at->second.size != file.size) {
      return Fail(Code::kUpstream,
                  fmt::format("the listing gives {} two sizes, {} and {}", file.etag(), at->second.size, file.size),
                  "Try again; if it stays so, the hub's listing is broken.");
    }
    at->second.paths.push_back(file.path);
  }
  return blobs;
}

Result<> WriteTag(const Folder& root) {
  const std::string name(kTag);
  const os::Descriptor fd(::openat(root.fd.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return errno == EEXIST ? Result<>{} : Fail(DiskError(errno, "write", root.path / name));
  if (::write(fd.get(), kTagText.data(), kTagText.size()) >= 0) return {};
  return Fail(DiskError(errno, "write", root.path / name, kTagText.size()));
}

std::optional<std::string> LinkAt(const Folder& folder, const std::string& name) {
  std::array<char, 4096> target;
  const ssize_t size = ::readlinkat(folder.fd.get(), name.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(size));
}

// Made beside and renamed over whatever is there: nobody sees the path missing or half.
Result<> ReplaceLink(const Folder& folder, const std::string& name, const std::string& target, const Folder& scratch) {
  const std::string temporary = ScratchName();
  if (::symlinkat(target.c_str(), scratch.fd.get(), temporary.c_str()) != 0) {
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
      return Fail(Code::kUnsupported,
                  fmt::format("the file system that holds \"{}\" has no symbolic links", folder.path.string()),
                  "Put the cache (HF_HUB_CACHE) on a file system that has them, such as ext4, xfs or btrfs.");
    }
    return Fail(DiskError(errno, "link", folder.path / name));
  }
  if (::renameat(scratch.fd.get(), temporary.c_str(), folder.fd.get(), name.c_str()) == 0) return {};
  const int error = errno;
  ::unlinkat(scratch.fd.get(), temporary.c_str(), 0);
  return Fail(DiskError(error, "link", folder.path / name));
}

// Temporary names that a killed process left: one that lives needs its own for milliseconds.
void DropScratch(const Folder& folder) {
  constexpr std::time_t kLongDead = 60;  // seconds
  ForEachEntry(folder, [&](const char* name, unsigned char) {
    if (!IsScratchName(name)) return;
    const auto status = StatBelow(folder, name);
    if (status && status->st_mtim.tv_sec < std::time(nullptr) - kLongDead) ::unlinkat(folder.fd.get(), name, 0);
  });
}

}  // namespace

Cache::Cache(fs::path root) : root_(std::move(root)) {
  // "/a/b/" and "/a/b" are one folder, and the trash beside it is found by its parent.
  if (root_.has_relative_path() && !root_.has_filename()) root_ = root_.parent_path();
}

fs::path Cache::FolderOf(const model::Repo& repo) const {
  return root_ / model::FolderName(repo);
}

fs::path Cache::SnapshotOf(const model::Repo& repo, std::string_view commit) const {
  return FolderOf(repo) / "snapshots" / commit;
}

Result<Space> Cache::FreeSpace() const {
  struct statvfs status{};
  fs::path there = root_;
  while (::statvfs(there.c_str(), &status) != 0) {
    if (errno != ENOENT || !there.has_relative_path()) return Fail(DiskError(errno, "measure the free space of", there));
    there = there.parent_path();
    if (there.empty()) there = ".";
  }
  return Space{status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize};
}

Result<FetchPlan> Cache::Plan(const model::Repo& repo, std::string_view commit,
                              const std::vector<model::RepoFile>& selected) const {
  HOSTLER_OK(CheckRepo(repo));
  HOSTLER_OK(CheckCommit(commit));
  HOSTLER_TRY(auto blobs, Group(selected));
  const fs::path blob_folder = FolderOf(repo) / "blobs";
  const fs::path snapshot = SnapshotOf(repo, commit);
  FetchPlan plan;
  plan.files_total = selected.size();
  std::map<std::string, std::size_t> unlinked;  // paths of a blob that the snapshot does not have in any form
  for (const model::RepoFile& file : selected) {
    if (FileSize(snapshot / file.path) == file.size)
      continue;  // by a link, or as a file of its own where links are not to be had
    ++unlinked[file.etag()];
    if (HasBlob(repo, file.etag(), file.size)) plan.to_link.push_back(file);
  }
  for (auto& [etag, blob] : blobs) {
    plan.bytes_total += blob.size;
    if (!unlinked.contains(etag) || HasBlob(repo, etag, blob.size)) {
      plan.bytes_present += blob.size;
      continue;
    }
    const auto have = FileSize(blob_folder / PartialName(etag));
    if (have && *have <= blob.size) blob.have = *have;
    plan.bytes_partial += blob.have;
    plan.missing.push_back(std::move(blob));
  }
  return plan;
}

Result<> Cache::Prepare(const model::Repo& repo, std::string_view commit, const std::vector<model::RepoFile>& all) const {
  HOSTLER_OK(model::ParseRepo(repo.id, repo.kind));  // stricter than for what is there already
  HOSTLER_OK(CheckCommit(commit));
  for (const model::RepoFile& file : all) HOSTLER_OK(CheckFile(file));
  HOSTLER_TRY(const Folder root, OpenRoot(root_, Missing::kMake));
  HOSTLER_OK(WriteTag(root));
  HOSTLER_TRY(const Folder folder, OpenRepo(root_, repo, Missing::kMake));
  DropScratch(folder);
  // The snapshot's folder first: without one, Python calls the repository corrupted. The listing before any link: it is how
  // others learn that the snapshot is not complete yet.
  HOSTLER_OK(OpenBelow(folder, "snapshots", Missing::kMake));
  HOSTLER_TRY(const Folder trees, OpenBelow(folder, "trees", Missing::kMake));
  const std::string name = fmt::format("{}.json", commit);
  const std::string listing = FormatListing(all);
  if (ReadBelow(trees, name, kMostListing) != listing) HOSTLER_OK(WriteBelow(trees, name, listing, folder));
  HOSTLER_OK(OpenBelow(folder, fs::path("snapshots") / commit, Missing::kMake));
  HOSTLER_OK(OpenBelow(folder, "blobs", Missing::kMake));
  HOSTLER_OK(OpenBelow(folder, "refs", Missing::kMake));
  return {};
}

bool Cache::HasBlob(const model::Repo& repo, std::string_view etag, std::uint64_t size) const {
  return CheckRepo(repo) && model::IsEtag(etag) && FileSize(FolderOf(repo) / "blobs" / etag) == size;
}

Result<> Cache::Link(const model::Repo& repo, std::string_view commit, const model::RepoFile& file) const {
  HOSTLER_OK(CheckCommit(commit));
  HOSTLER_OK(CheckFile(file));
  HOSTLER_TRY(const Folder folder, OpenRepo(root_, repo, Missing::kFail));
  if (!HasBlob(repo, file.etag(), file.size)) {
    return Fail(Code::kConflict, fmt::format("the blob {} of \"{}\" is not there (any more)", file.etag(), file.path),
                "Download the model again; another program may have deleted it meanwhile.");
  }
  const fs::path path = fs::path("snapshots") / commit / file.path;
  HOSTLER_TRY(const Folder at, OpenBelow(folder, path.parent_path(), Missing::kMake));
  const std::string name = path.filename().string();
  const std::string target = LinkTarget(file.path, file.etag());
  if (LinkAt(at, name) == target) return {};
  return ReplaceLink(at, name, target, folder);
}

Result<> Cache::WriteRef(const model::Repo& repo, std::string_view revision, std::string_view commit) const {
  HOSTLER_OK(CheckRevision(revision));
  HOSTLER_OK(CheckCommit(commit));
  if (model::IsCommit(revision)) return {};  // names itself
  HOSTLER_TRY(const Folder folder, OpenRepo(root_, repo, Missing::kFail));
  // A ref without its snapshot would hide the whole repository from Python's scan.
  HOSTLER_OK(OpenBelow(folder, fs::path("snapshots") / commit, Missing::kFail));
  if (ReadRef(folder, revision) == commit) return {};
  const fs::path path = fs::path("refs") / revision;
  HOSTLER_TRY(const Folder at, OpenBelow(folder, path.parent_path(), Missing::kMake));
  return WriteBelow(at, path.filename().string(), commit, folder);
}

Result<> Cache::WriteNoExist(const model::Repo& repo, std::string_view commit, std::string_view path) const {
  HOSTLER_OK(CheckCommit(commit));
  if (!model::IsFilePath(path))
    return Fail(Code::kInvalid, "that is no path of a file in a repository", "Use a plain relative path.");
  HOSTLER_TRY(const Folder folder, OpenRepo(root_, repo, Missing::kMake));
  const fs::path whole = fs::path(".no_exist") / commit / path;
  HOSTLER_TRY(const Folder at, OpenBelow(folder, whole.parent_path(), Missing::kMake));
  const os::Descriptor fd(::openat(at.fd.get(), whole.filename().c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return Fail(DiskError(errno, "write", at.path / whole.filename()));
  return {};
}

}  // namespace hostler::store
