// A cache in a folder that goes away with the test, filled through the room's own door. For tests.
//
// Owner: the test. Threads: the test's.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "store/cache.h"
#include "store/hash.h"

namespace hostler::store::testing {

inline const std::string kCommit(40, 'a');
inline const std::string kOtherCommit(40, 'b');

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("hostler-store-" + RandomHex(12))) {
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string Read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void Write(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

// A file as the hub lists it; `large` ones have a SHA-256.
inline model::RepoFile FileOf(const std::string& path, const std::string& content, bool large = false) {
  model::RepoFile file;
  file.path = path;
  file.size = content.size();
  Hasher git = Hasher::Git(content.size());
  git.Update(content);
  file.blob_id = git.Finish();
  if (large) {
    Hasher sha = Hasher::Sha256();
    sha.Update(content);
    file.sha256 = sha.Finish();
  }
  return file;
}

using Contents = std::map<std::string, std::string>;  // path -> content; `.bin` are large

inline std::vector<model::RepoFile> ListingOf(const Contents& contents) {
  std::vector<model::RepoFile> files;
  for (const auto& [path, content] : contents) files.push_back(FileOf(path, content, path.ends_with(".bin")));
  return files;
}

inline Result<> FillBlob(const Cache& cache, const model::Repo& repo, const model::RepoFile& file, const std::string& content) {
  HOSTLER_TRY(const auto lock, cache.TryLock(repo, file.etag()));
  if (!lock) return Fail(Code::kConflict, "locked");
  if (cache.HasBlob(repo, file.etag(), file.size)) return {};
  HOSTLER_TRY(auto partial, cache.OpenPartial(repo, file.etag(), file.size));
  HOSTLER_OK(partial.HashPresent());
  HOSTLER_OK(partial.Append(std::string_view(content).substr(partial.size())));
  return partial.Finish();
}

// A whole download.
inline Result<> Fill(const Cache& cache, const model::Repo& repo, const std::string& commit, const std::string& revision,
                     const Contents& contents) {
  HOSTLER_OK(cache.Prepare(repo, commit, ListingOf(contents)));
  for (const model::RepoFile& file : ListingOf(contents)) {
    HOSTLER_OK(FillBlob(cache, repo, file, contents.at(file.path)));
    HOSTLER_OK(cache.Link(repo, commit, file));
  }
  return cache.WriteRef(repo, revision, commit);
}

// Output of a command, without its last newline.
inline std::string Run(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  for (int c = pipe != nullptr ? std::fgetc(pipe) : EOF; c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  if (pipe != nullptr) ::pclose(pipe);
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

}  // namespace hostler::store::testing
