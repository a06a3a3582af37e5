// Repositories of a Hugging Face hub: names, files, patterns (spec: huggingface_hub's own rules).
//
// Pure values and functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hostler::model {

enum class RepoKind { kModel, kDataset, kSpace, kKernel };
BOOST_DESCRIBE_ENUM(RepoKind, kModel, kDataset, kSpace, kKernel)

struct Repo {
  RepoKind kind = RepoKind::kModel;
  std::string id;  // `name` or `namespace/name`
  friend auto operator<=>(const Repo&, const Repo&) = default;
};

// A model repository by its id. kInvalid, with what is wrong with it, for what no hub would accept.
[[nodiscard]] Result<Repo> ParseRepo(std::string_view id, RepoKind kind = RepoKind::kModel);

// `models--ns--name` and back; nullopt for what is no repository folder.
[[nodiscard]] std::string FolderName(const Repo& repo);
[[nodiscard]] std::optional<Repo> RepoOfFolder(std::string_view folder);

// 40 lower-case hex characters.
[[nodiscard]] bool IsCommit(std::string_view text);
// What a blob may be called: 40 (git) or 64 (sha256) lower-case hex characters.
[[nodiscard]] bool IsEtag(std::string_view text);
// A branch, tag or commit that may become a file under refs/: no "..", no leading "/", no control characters.
[[nodiscard]] bool IsRevision(std::string_view text);
// A path inside a snapshot: relative, "/" between parts, no empty, "." or ".." part, no "\\", no control characters.
[[nodiscard]] bool IsFilePath(std::string_view text);

// One file of a commit, as the hub lists it.
struct RepoFile {
  std::string path;
  std::uint64_t size = 0;             // bytes of the content
  std::string blob_id;                // git blob id, 40 hex (of the pointer, for large files)
  std::optional<std::string> sha256;  // of the content, 64 hex: large files only
  std::optional<std::string> xet_hash;
  // Name of its blob in the cache.
  [[nodiscard]] const std::string& etag() const { return sha256 ? *sha256 : blob_id; }
  friend bool operator==(const RepoFile&, const RepoFile&) = default;
};

// Which files of a repository: any of `include` (none: all), then none of `exclude`. fnmatch as Python's, case-sensitive: `*`
// also crosses "/", `[a-z]`, `[!a-z]`; a pattern that ends in "/" means everything below.
struct Selection {
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  [[nodiscard]] bool Picks(std::string_view path) const;
  [[nodiscard]] bool IsAll() const { return include.empty() && exclude.empty(); }
  friend bool operator==(const Selection&, const Selection&) = default;
};
[[nodiscard]] bool Matches(std::string_view pattern, std::string_view path);

}  // namespace hostler::model
