// Names inside the cache, and the checks at this room's boundary: what comes from a hub or a person becomes a file name only
// after it passed here. Internal to this room.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/repo.h"
#include "store/folder.h"

namespace hostler::store {

inline constexpr std::string_view kLocks = ".locks";
inline constexpr std::string_view kPartialSuffix = ".hostler.incomplete";  // not `.incomplete`: older Python appends to that
inline constexpr std::string_view kIncomplete = ".incomplete";
inline constexpr std::string_view kTag = "CACHEDIR.TAG";
inline constexpr std::uint64_t kMostListing = 256 << 20;

[[nodiscard]] std::string PartialName(std::string_view etag);
// `../../blobs/<etag>`, from where `path` lies in its snapshot.
[[nodiscard]] std::string LinkTarget(std::string_view path, std::string_view etag);

[[nodiscard]] Result<> CheckRepo(const model::Repo& repo);
[[nodiscard]] Result<> CheckCommit(std::string_view commit);
[[nodiscard]] Result<> CheckEtag(std::string_view etag, std::string_view path = {});
[[nodiscard]] Result<> CheckRevision(std::string_view revision);
[[nodiscard]] Result<> CheckFile(const model::RepoFile& file);

// The repository's folder, not through a link.
[[nodiscard]] Result<Folder> OpenRepo(const std::filesystem::path& root, const model::Repo& repo, Missing missing);

// trees/<commit>.json, byte for byte as huggingface_hub writes it; and read, nothing if any of it is not as it should be.
[[nodiscard]] std::string FormatListing(std::vector<model::RepoFile> files);
[[nodiscard]] std::optional<std::vector<model::RepoFile>> ParseListing(std::string_view text);

// The commit that refs/<revision> names; nullopt for anything but 40 hex.
[[nodiscard]] std::optional<std::string> ReadRef(const Folder& repo, std::string_view revision);

}  // namespace hostler::store
