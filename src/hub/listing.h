// The hub's JSON. Internal to this room and its fuzz target.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/repo.h"

namespace hostler::hub {

// The commit of a repository's info. kUpstream if it is no info, or its commit is none.
[[nodiscard]] Result<std::string> ParseInfo(std::string_view text);

// One page of a tree. kUpstream, naming the entry, if a path, size or hash cannot be right; hidden hashes (`***`) become empty.
[[nodiscard]] Result<std::vector<model::RepoFile>> ParseTree(std::string_view text);

// The pages of one tree, put together. What no file system could hold is refused as soon as it is known: a path twice, a file
// that is a folder as well, more bytes than can be counted. One thread at a time.
class ListingOfPages {
 public:
  explicit ListingOfPages(std::string repo) : repo_(std::move(repo)) {}
  [[nodiscard]] Result<> Add(std::vector<model::RepoFile> page);
  [[nodiscard]] std::size_t count() const { return files_.size(); }
  [[nodiscard]] std::vector<model::RepoFile> Take() &&;  // by path

 private:
  std::string repo_;
  std::map<std::string, model::RepoFile, std::less<>> files_;
  std::set<std::string, std::less<>> folders_;
  std::uint64_t bytes_ = 0;
};

// `{"error": "…"}`, `{"errors": [{"message": "…"}]}` or plain text, one printable line of at most 300 bytes.
[[nodiscard]] std::string ErrorText(std::string_view body);

}  // namespace hostler::hub
