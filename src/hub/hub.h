// The Hugging Face hub's protocol: revisions, listings, files, redirects, errors. Knows no disk.
//
// The token goes to the endpoint's origin (scheme, host, port) and nowhere else. Whatever the hub says about commits, hashes,
// paths, sizes and ranges is checked before anybody sees it. Owner: hostlerd. Threads: any loop of the house; a Content stays on
// its own.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "base/result.h"
#include "model/repo.h"
#include "outbound/outbound.h"

namespace hostler::hub {

struct Settings {
  std::string endpoint = "https://huggingface.co";  // without trailing slash; may have a path, may be plain http
  std::string token;                                // empty: none; else replaced by token_file's content at each request
  std::filesystem::path token_file;                 // read each time, so that a login needs no restart
  bool offline = false;
  std::string offline_variable = "HF_HUB_OFFLINE";  // that says so
  double metadata_timeout_s = 10;                   // until an answer begins, and between its bytes
  double download_timeout_s = 30;                   // between two bytes of a file
  std::string user_agent = "hostler/" HOSTLER_VERSION;
};
// HF_ENDPOINT, HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HOME, HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE,
// HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT, as huggingface_hub reads them.
[[nodiscard]] Settings FromEnvironment(const std::map<std::string, std::string>& environment);

// Why a request failed, and whether asking again may help.
struct Problem {
  Error error;  // error.name: gated, unauthorized, not_found, offline, rate_limited, network, disabled, not_a_hub, corrupt
  bool transient = false;
  std::optional<double> retry_after_s;
  bool range_refused = false;  // 416: what is on disk is longer than the file
  bool expired = false;        // the signed address of the content is no longer good: ask for a new one
};
template <class T>
using Reply = std::expected<T, Problem>;

// Every file of a commit. Where the hub hides hashes from us (`****`), sha256 and blob_id are empty: Probe() tells, to whom may
// read.
struct Listing {
  std::vector<model::RepoFile> files;
};

// Where a content can be had directly, as an earlier answer told. A secret: it is signed.
struct Address {
  std::string url;        // empty: ask the hub
  std::string validator;  // what that server calls this version (a strong ETag); empty: it did not say
};

// Bytes [from, to) of one file of a commit.
struct Wanted {
  model::Repo repo;
  std::string commit;
  model::RepoFile file;  // with etag and size, see Probe()
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  Address address;
  std::size_t window = 1 << 20;  // bytes that may wait for the reader
};

class Content {
 public:
  // Where the stream begins: as wanted, or 0 if the server gives the whole file to whoever asks for a part; it then also ends
  // with the file.
  [[nodiscard]] std::uint64_t from() const { return from_; }
  [[nodiscard]] std::uint64_t to() const { return to_; }
  [[nodiscard]] const Address& address() const { return address_; }  // for further ranges
  // The next bytes; empty at the end, which is exactly at to().
  [[nodiscard]] Task<Reply<std::string>> Read(std::size_t most = 1 << 20);

 private:
  friend class Hub;
  Content(outbound::Answer answer, std::uint64_t from, std::uint64_t to, Address address)
      : answer_(std::move(answer)), from_(from), to_(to), at_(from), address_(std::move(address)) {}
  outbound::Answer answer_;
  std::uint64_t from_;
  std::uint64_t to_;
  std::uint64_t at_;
  Address address_;
};

class Hub {
 public:
  // `pool` reads the token's file and large listings.
  Hub(Settings settings, outbound::Client& client, Pool& pool);
  ~Hub();
  [[nodiscard]] const Settings& settings() const;
  // For people: https://hub/ns/name.
  [[nodiscard]] std::string PageOf(const model::Repo& repo) const;

  // The commit that a branch, tag or pull request names now; a commit is returned as it is.
  [[nodiscard]] Task<Reply<std::string>> Resolve(model::Repo repo, std::string revision);
  // The whole listing, all pages; at most 200,000 files.
  [[nodiscard]] Task<Reply<Listing>> Tree(model::Repo repo, std::string commit);
  // Hash and size of one file, asked without its content.
  [[nodiscard]] Task<Reply<model::RepoFile>> Probe(model::Repo repo, std::string commit, std::string path);
  // One GET, redirects followed.
  [[nodiscard]] Task<Reply<Content>> Open(Wanted wanted);

  // What the hub wants people to know (X-HF-Warning), once per topic, at most 20.
  [[nodiscard]] std::vector<std::string> Warnings() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hostler::hub
