// Requests to the outside world, for coroutines on any loop: the head of the answer first, then its body piece by piece with back
// pressure. Proxies, certificates, HTTP/2 and kept connections are libcurl's business; it lives in hostler-outbound.so, which is
// opened with the first request, and works on one thread of its own. Knows no hub and no service.
//
// Owner of a Client: hostlerd; it outlives every Answer. Threads: Open() on any loop; an Answer stays on the loop that opened it.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/result.h"

namespace hostler::outbound {

struct Field {
  std::string name;
  std::string value;
  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;
// The first value of that name (case does not matter), or empty.
[[nodiscard]] std::string_view Get(const Fields& fields, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string url;  // http or https; sent byte for byte (signed queries)
  Fields headers;   // `Accept-Encoding: identity` is added unless one is here or `unpack` is set
  std::string body;
  bool follow_redirects = false;  // up to 10; headers named Authorization and Cookie stay with their origin
  bool unpack = false;            // ask for compressed bodies and unpack them
  bool own_connection = false;    // HTTP/1.1 over a connection that no other transfer shares meanwhile: for bulk
  double connect_timeout_s = 10;
  double idle_timeout_s = 30;    // until the answer begins, and between its bytes; time in which nobody reads does not count
  std::size_t window = 1 << 20;  // bytes that may wait for the reader; then the peer has to
};

struct Head {
  int status = 0;
  Fields headers;   // in their order
  std::string url;  // the one that answered
};

enum class Trouble {
  kInvalid,    // the request itself: address, method, field
  kModule,     // hostler-outbound.so is missing or foreign
  kResolve,    // no such host, or no name server
  kConnect,    // refused, unreachable
  kProxy,      // the proxy, not the peer
  kTls,        // certificate, handshake
  kTimeout,    // nothing came for too long
  kReset,      // the connection broke
  kTruncated,  // the body ended early
  kTooLarge,   // head or body over a limit
  kProtocol,   // what came is no HTTP, or a redirect loop
};

struct Failure {
  Trouble trouble = Trouble::kProtocol;
  Error error;                           // names host and port; never a query, never credentials
  [[nodiscard]] bool transient() const;  // asking again may help
};
template <class T>
using Outcome = std::expected<T, Failure>;

// What may be printed of an address: without user, password, query and fragment.
[[nodiscard]] std::string Shown(std::string_view url);

class Inbox;
class Transport;

// One answer that is being read. Destroying it frees its transfer at once.
class Answer {
 public:
  Answer(Answer&&) noexcept = default;
  Answer& operator=(Answer&& other) noexcept;
  ~Answer();
  [[nodiscard]] const Head& head() const { return head_; }
  // The next bytes, at most `most`; empty at the end. Small pieces of the network are gathered for some milliseconds.
  [[nodiscard]] Task<Outcome<std::string>> Read(std::size_t most = 1 << 20);
  // The rest of the body; kTooLarge if it is more than `limit`.
  [[nodiscard]] Task<Outcome<std::string>> ReadAll(std::size_t limit);

 private:
  friend class Client;
  Answer(std::shared_ptr<Inbox> inbox, std::shared_ptr<Transport> transport, Head head);
  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<Transport> transport_;
  Head head_;
};

class Client {
 public:
  struct Options {
    std::filesystem::path module;  // default: hostler-outbound.so beside the program, or in ../lib/hostler
    std::string user_agent = "hostler/" HOSTLER_VERSION;
    std::size_t kept_connections = 16;  // idle ones that wait for the next request
  };
  Client();
  explicit Client(Options options);
  ~Client();  // what is under way ends with kReset
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends the request and waits for the head of the answer, whatever its status.
  [[nodiscard]] Task<Outcome<Answer>> Open(Request request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hostler::outbound
