// HTTP/1.1 client with pooled connections over TCP or Unix sockets.
//
// A Client belongs to one loop; every call is made there. Cancelling the waiting coroutine, or destroying a Reply that was
// not read to its end, closes the connection: that is how the peer learns to stop working.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/result.h"
#include "http/http.h"

namespace hostler::http {

struct Endpoint {
  std::string unix_path;  // if not empty, a Unix socket (paths through /proc/self/fd/N are fine)
  std::string host;       // else TCP: name or address
  std::uint16_t port = 0;

  // "http://127.0.0.1:8100" or "unix:/run/x.sock"
  static Result<Endpoint> Parse(std::string_view url);
  [[nodiscard]] std::string Text() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// The body of a request that is not in memory.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Bytes in all; nullopt if nobody knows yet: it is sent chunked.
  [[nodiscard]] virtual std::optional<std::uint64_t> length() const = 0;
  // The next piece, valid until the next call; empty at the end.
  [[nodiscard]] virtual Task<Result<std::string_view>> ReadSome() = 0;
};

struct Request {
  Method method = Method::kGet;
  std::string target = "/";
  Headers headers;  // Host, Content-Length and Connection are added
  std::string body;
  BodySource* source = nullptr;  // instead of `body`; must live until the call has returned
  Clock::duration connect_deadline = std::chrono::seconds(5);
  Clock::duration first_byte_deadline = std::chrono::minutes(30);  // until the head of the answer
  Clock::duration idle_deadline = std::chrono::minutes(30);        // between two pieces of the answer
};

// An answer whose body is read piece by piece.
class Reply {
 public:
  virtual ~Reply() = default;  // closes the connection unless the body was read to its end
  [[nodiscard]] virtual unsigned status() const = 0;
  [[nodiscard]] virtual const Headers& headers() const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> length() const = 0;  // of the body, if the head tells
  [[nodiscard]] virtual bool chunked() const = 0;
  [[nodiscard]] virtual bool buffered() const = 0;  // there is something to read without waiting
  // The next piece as soon as any byte is there, valid until the next call; empty at the end. A body that ends too early is
  // kUpstream: it is never mistaken for a whole one.
  [[nodiscard]] virtual Task<Result<std::string_view>> ReadSome() = 0;
  // As ReadSome, but with the framing left on: all that has come, checked, to be passed on as it is.
  [[nodiscard]] virtual Task<Result<std::string_view>> ReadFramed() = 0;
  [[nodiscard]] virtual Task<Result<std::string>> ReadAll(std::uint64_t limit) = 0;
};

class Client {
 public:
  explicit Client(Executor executor);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Errors: kUnavailable (cannot connect), kTimeout, kUpstream (peer broke off or spoke nonsense). A pooled connection that
  // turns out to be closed before the first byte of an answer is replaced once, silently: nothing was lost. A source cannot
  // be read twice, so its request always gets a new connection; what the source says or throws ends the call.
  [[nodiscard]] Task<Result<std::unique_ptr<Reply>>> Open(const Endpoint& endpoint, Request request);
  // Open and read the whole body, up to `limit` bytes.
  [[nodiscard]] Task<Result<Response>> Fetch(const Endpoint& endpoint, Request request, std::uint64_t limit = 16 << 20);

  // Drops pooled connections to an endpoint that is going away.
  void Forget(const Endpoint& endpoint);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hostler::http
