// What is there of a snapshot, and where the cache lies.

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "store/cache.h"
#include "store/folder.h"
#include "store/layout.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 64;

struct Incomplete {
  std::map<std::string, std::uint64_t> ours;  // etag -> bytes
  bool others = false;                        // another program's, whose blob is not there
};

Incomplete FindIncomplete(const Folder& repo) {
  Incomplete found;
  const auto blobs = OpenBelow(repo, "blobs", Missing::kFail);
  if (!blobs) return found;
  ForEachEntry(*blobs, [&](const char* entry, unsigned char) {
    std::string_view name = entry;
    if (!name.ends_with(kIncomplete)) return;
    const auto status = StatBelow(*blobs, entry);
    if (!status || !S_ISREG(status->st_mode)) return;
    if (name.ends_with(kPartialSuffix)) {
      name.remove_suffix(kPartialSuffix.size());
      if (model::IsEtag(name)) found.ours[std::string(name)] = static_cast<std::uint64_t>(status->st_size);
    } else if (!StatBelow(*blobs, std::string(name.substr(0, name.find('.'))))) {
      found.others = true;
    }
  });
  return found;
}

std::optional<struct stat> FileAt(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return status;
}

// Without the listing: what the snapshot's folder shows.
struct Shown {
  std::set<std::pair<dev_t, ino_t>> seen;
  std::size_t files = 0;
  Presence* presence = nullptr;
};

void Walk(const Folder& folder, const std::string& prefix, const model::Selection& selection, int depth, Shown& shown) {
  ForEachEntry(folder, [&](const char* name, unsigned char) {
    const std::string path = prefix + name;
    const auto itself = StatBelow(folder, name);
    if (itself && S_ISDIR(itself->st_mode)) {
      const auto below = depth < kDeepest ? OpenBelow(folder, name, Missing::kFail) : Fail(Code::kInvalid, "too deep");
      if (below) Walk(*below, path + "/", selection, depth + 1, shown);
      return;
    }
    if (!selection.Picks(path)) return;
    const auto status = StatBelow(folder, name, true);
    if (!status || !S_ISREG(status->st_mode)) {
      shown.presence->missing.push_back(path);
      return;
    }
    ++shown.files;
    if (shown.seen.emplace(status->st_dev, status->st_ino).second)
      shown.presence->bytes_present += static_cast<std::uint64_t>(status->st_size);
  });
}

void LookByListing(const std::vector<model::RepoFile>& listing, const model::Selection& selection, const Incomplete& incomplete,
                   Presence& presence) {
  const fs::path blobs = presence.snapshot.parent_path().parent_path() / "blobs";
  std::set<std::string> counted;
  std::size_t files = 0;
  for (const model::RepoFile& file : listing) {
    if (!selection.Picks(file.path)) continue;
    ++files;
    const bool first = counted.insert(file.etag()).second;
    if (first) presence.bytes_total += file.size;
    const auto status = FileAt(presence.snapshot / file.path);
    if (status && static_cast<std::uint64_t>(status->st_size) == file.size) {
      if (first) presence.bytes_present += file.size;
      continue;
    }
    presence.missing.push_back(file.path);
    if (!first || file.etag().empty()) continue;
    // Whole but not linked yet: whoever fetched it was stopped in between.
    const auto blob = FileAt(blobs / file.etag());
    const auto partial = incomplete.ours.find(file.etag());
    if (blob && static_cast<std::uint64_t>(blob->st_size) == file.size)
      presence.resumable_bytes += file.size;
    else if (partial != incomplete.ours.end())
      presence.resumable_bytes += std::min(partial->second, file.size);
  }
  presence.known = true;
  presence.complete = files > 0 && presence.missing.empty();
}

void LookByFolder(const Folder& repo, const model::Selection& selection, const Incomplete& incomplete, Presence& presence) {
  Shown shown{{}, 0, &presence};
  const auto snapshot = OpenBelow(repo, fs::path("snapshots") / presence.snapshot.filename(), Missing::kFail);
  if (snapshot) Walk(*snapshot, "", selection, 0, shown);
  for (const auto& [etag, bytes] : incomplete.ours) presence.resumable_bytes += bytes;
  presence.complete = shown.files > 0 && presence.missing.empty() && incomplete.ours.empty() && !incomplete.others;
}

// A first download that was broken off has no ref yet: the newest listing whose snapshot is there tells how far it came.
std::string NewestListed(const Folder& repo) {
  std::string newest;
  struct timespec at{};
  const auto trees = OpenBelow(repo, "trees", Missing::kFail);
  if (!trees) return newest;
  ForEachEntry(*trees, [&](const char* entry, unsigned char) {
    const std::string_view name = entry;
    if (!name.ends_with(".json") || !model::IsCommit(name.substr(0, name.size() - 5))) return;
    const auto status = StatBelow(*trees, entry);
    if (!status) return;
    const auto& time = status->st_mtim;
    if (!newest.empty() && std::pair(time.tv_sec, time.tv_nsec) <= std::pair(at.tv_sec, at.tv_nsec)) return;
    at = time;
    newest = name.substr(0, name.size() - 5);
  });
  return newest;
}

// `~` and `$VAR`, `${VAR}` as Python's expanduser and expandvars do; what is not set stays as it is.
std::string Expand(const std::map<std::string, std::string>& environment, std::string text, const std::string& home) {
  if (text == "~" || text.starts_with("~/")) text.replace(0, 1, home);
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool braced = i + 1 < text.size() && text[i + 1] == '{';
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i++];
      continue;
    }
    const std::size_t begin = i + (braced ? 2 : 1);
    std::size_t end = begin;
    if (braced) {
      end = text.find('}', begin);
    } else {
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) ++end;
    }
    const auto found = end == std::string::npos ? environment.end() : environment.find(text.substr(begin, end - begin));
    if (found == environment.end()) {
      out += text[i++];
      continue;
    }
    out += found->second;
    i = end + (braced ? 1 : 0);
  }
  return out;
}

std::string HomeFolder(const std::map<std::string, std::string>& environment) {
  const auto home = environment.find("HOME");
  if (home != environment.end() && !home->second.empty()) return home->second;
  std::array<char, 4096> memory;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr) return found->pw_dir;
  return "/";
}

}  // namespace

std::optional<std::vector<model::RepoFile>> Cache::Listing(const model::Repo& repo, std::string_view commit) const {
  if (!model::IsCommit(commit)) return std::nullopt;
  const fs::path folder = FolderOf(repo);
  const auto trees = CheckRepo(repo) ? OpenRoot(folder / "trees", Missing::kFail) : Fail(Code::kInvalid, "no repository");
  if (!trees) return std::nullopt;
  const auto text = ReadBelow(*trees, std::string(commit) + ".json", kMostListing);
  return text ? ParseListing(*text) : std::nullopt;
}

Presence Cache::Look(const model::Repo& repo, std::string_view revision, const model::Selection& selection) const {
  Presence presence;
  if (!CheckRepo(repo)) return presence;
  const auto folder = OpenRoot(FolderOf(repo), Missing::kFail);  // reading may go through a link that the user made
  if (!folder) return presence;
  presence.commit = model::IsCommit(revision) ? std::string(revision) : ReadRef(*folder, revision).value_or("");
  const std::string commit = presence.commit.empty() ? NewestListed(*folder) : presence.commit;
  const Incomplete incomplete = FindIncomplete(*folder);
  if (commit.empty()) {
    for (const auto& [etag, bytes] : incomplete.ours) presence.resumable_bytes += bytes;
    return presence;
  }
  presence.snapshot = SnapshotOf(repo, commit);
  if (const auto listing = Listing(repo, commit))
    LookByListing(*listing, selection, incomplete, presence);
  else
    LookByFolder(*folder, selection, incomplete, presence);
  if (presence.commit.empty()) presence.complete = false;
  return presence;
}

fs::path DefaultRoot(const std::map<std::string, std::string>& environment) {
  const std::string home = HomeFolder(environment);
  const auto get = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() || found->second.empty() ? std::string() : Expand(environment, found->second, home);
  };
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (auto root = get(name); !root.empty()) return root;
  }
  if (const auto hf_home = get("HF_HOME"); !hf_home.empty()) return fs::path(hf_home) / "hub";
  if (const auto cache = get("XDG_CACHE_HOME"); !cache.empty()) return fs::path(cache) / "huggingface" / "hub";
  return fs::path(home) / ".cache" / "huggingface" / "hub";
}

}  // namespace hostler::store
