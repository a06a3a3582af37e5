// HTTP/1.1 server. One connection lives on one loop from birth to death, so handlers need no locks for what is theirs.
//
// A handler is a coroutine that gets an Exchange: it reads the request and answers it, at once or piece by piece. When the
// client goes away (a half-closed connection counts as gone), whatever the handler waits for throws operation_aborted and
// the frames unwind; other exceptions become a 500 (or a cut connection, if the answer had begun).
// Owner: hostlerd, an engine, or a test.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "http/http.h"

namespace hostler::http {

// One request and its answer. Valid until the handler returns; use it on its own loop only.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // --- the request ---
  [[nodiscard]] virtual Method method() const = 0;              // HEAD is shown as kHead; the body of the answer is dropped
  [[nodiscard]] virtual const std::string& path() const = 0;    // decoded, without query: `/v1/models/Qwen/Qwen3`
  [[nodiscard]] virtual const std::string& target() const = 0;  // as sent
  [[nodiscard]] virtual const Query& query() const = 0;
  [[nodiscard]] virtual const Headers& headers() const = 0;
  [[nodiscard]] virtual const std::string& peer() const = 0;                        // "127.0.0.1" or "unix"
  [[nodiscard]] virtual const std::string& param(std::string_view name) const = 0;  // set by the router; empty if absent
  virtual void SetParam(std::string name, std::string value) = 0;

  // The whole body; kTooLarge beyond `limit` bytes (and the connection will close after the answer).
  [[nodiscard]] virtual Task<Result<std::string>> ReadBody(std::uint64_t limit) = 0;
  // The next piece, valid until the next call; empty at the end.
  [[nodiscard]] virtual Task<Result<std::string_view>> ReadSome() = 0;
  // Length as declared, or nullopt for chunked.
  [[nodiscard]] virtual std::optional<std::uint64_t> content_length() const = 0;

  // --- the answer: Send once, or Start, Write*, Finish ---
  [[nodiscard]] virtual Task<> Send(Response response) = 0;
  // Begins a streamed answer; chunked unless `length` is given or `headers` has a Content-Length. The first Write goes out
  // with the head; an empty Write sends the head alone.
  [[nodiscard]] virtual Task<> Start(unsigned status, Headers headers, std::optional<std::uint64_t> length = std::nullopt) = 0;
  // Waits until the kernel took it all: this is the back pressure. Throws if the client is gone.
  [[nodiscard]] virtual Task<> Write(std::string_view data) = 0;
  // As Start, but what is written then is a chunked body with its framing, to its end. REQUIRES: takes_chunks().
  [[nodiscard]] virtual Task<> StartFramed(unsigned status, Headers headers) = 0;
  [[nodiscard]] virtual bool takes_chunks() const = 0;  // HTTP/1.0 does not know them
  [[nodiscard]] virtual Task<> Finish() = 0;
  // A field of whatever answer comes. REQUIRES: the answer has not started.
  virtual void AddHeader(std::string_view name, std::string_view value) = 0;
  // Cuts the connection, so that the client sees that a streamed answer is not whole.
  virtual void Abort() = 0;
  [[nodiscard]] virtual bool started() const = 0;
  [[nodiscard]] virtual unsigned status() const = 0;  // of the answer; 0 before it has started

  // Requested when the client goes away or the server gives up on it: for work on other threads.
  [[nodiscard]] virtual std::stop_token stop_token() = 0;
  [[nodiscard]] virtual Executor executor() const = 0;
};

using Handler = std::function<Task<>(Exchange&)>;

struct ServerOptions {
  std::size_t header_limit = 16 << 10;                         // bytes; more is 431
  std::uint64_t body_limit = std::uint64_t{4} << 30;           // bytes; more is 413 even if the handler would take it
  std::uint64_t buffered_limit = std::uint64_t{256} << 20;     // bytes that ReadBody holds for all requests; more is 503
  Clock::duration header_deadline = std::chrono::seconds(30);  // from the first byte of a head to its last
  Clock::duration idle_deadline = std::chrono::seconds(75);    // between requests
  Clock::duration io_deadline = std::chrono::seconds(60);      // a read or a write that makes no progress
  std::uint64_t slowest = 500;                                 // bytes per second; who is slower for io_deadline is cut
  // Beyond it, a new connection takes the place of one that waits without a request: first of those that never sent one, and
  // the one that waits longest. Where all have requests, the new one gets 503.
  std::size_t max_connections = 16384;
  // Formats errors that the server itself finds (400, 413, 431, 500 …) as a response body; default: {"error":{"code","message"}}.
  std::function<Response(unsigned status, const Error&)> error_response;
  // Told of exceptions that left a handler and of other bugs in handlers, for the log; also when accepting must pause for
  // want of descriptors. Called on any of the loops.
  std::function<void(std::string_view where, std::string_view what)> on_bug;
};

class Server {
 public:
  Server(std::vector<Loop*> loops, Handler handler, ServerOptions options);
  // REQUIRES: the loops are stopped, or Drain() has finished; the loops still exist. If they were stopped in the middle,
  // frames of handlers live until the loops are destroyed, so what handlers refer to must live as long. Drain() first.
  ~Server();

  // Port 0 takes a free one. Returns the port. Call before or after the loops have started.
  [[nodiscard]] Result<std::uint16_t> ListenTcp(const std::string& host, std::uint16_t port);
  // Takes over a listening socket (Unix or TCP).
  [[nodiscard]] Result<> ListenOn(int descriptor);

  // Stops accepting, lets running exchanges finish, cuts them after `limit`, then calls `done` once on some loop. From any
  // thread; calling it again can only shorten the limit.
  void Drain(Clock::duration limit, std::function<void()> done);

  [[nodiscard]] std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hostler::http
