// One connection of the server, and what all connections share. Internal to this room.
//
// A connection belongs to one shard, that is one loop, and is touched there only. Frames of coroutines hold the connection,
// and it holds the shared state, so the order in which loops and server go away does not matter to them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/intrusive/list.hpp>

#include "async/task.h"
#include "http/codec.h"
#include "http/net.h"
#include "http/server.h"

namespace hostler::http {

struct ServerState;
struct Shard;

class Connection : public std::enable_shared_from_this<Connection>,
                   public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(std::shared_ptr<ServerState> state, Shard& shard, Socket socket, std::string peer);
  ~Connection();

  // kIdle and kHead belong to the session, kBusy to the handler, kClosing to the session again.
  enum class Phase { kIdle, kHead, kBusy, kClosing };

  // Reads some bytes into in(). REQUIRES: one reader at a time.
  [[nodiscard]] Task<boost::system::error_code> Fill(std::size_t room, Clock::time_point deadline);
  // Sends what the socket takes at once; true if that was all. Throws operation_aborted if the client is gone.
  [[nodiscard]] bool TryWrite(Gather& gather);
  // Sends the rest, waiting for the client to take it.
  [[nodiscard]] Task<> WriteRest(Gather gather);
  [[nodiscard]] Task<> Write(Gather gather) {
    if (!TryWrite(gather)) co_await WriteRest(gather);
  }
  // Tells the client that no more comes, and waits a little until it has stopped sending: closing at once would make the
  // kernel send a reset that can overtake the answer.
  [[nodiscard]] Task<> Linger();

  void Tick(Clock::time_point now, Clock::time_point hard_stop);
  // Whatever the session waits for unwinds with operation_aborted. REQUIRES: not called from inside the session.
  void Cancel();
  // The client cannot be reached any more: tells work elsewhere.
  void MarkGone();
  // Closes so that the client sees a failure (a reset), not an end.
  void Reset();

  // No longer one of the server's connections(), though frames may still hold it.
  void Uncount();

  [[nodiscard]] std::stop_token stop_token();
  void BeginRequest();
  // The request was answered: what happens to the connection from now on is no news for those who worked on it.
  void EndRequest() { stop_.reset(); }

  ServerState& state() { return *state_; }
  Shard& shard() { return shard_; }
  Socket& socket() { return socket_; }
  InBuffer& in() { return in_; }
  const std::string& peer() const { return peer_; }
  boost::asio::cancellation_slot slot() { return signal_.slot(); }
  Phase phase() const { return phase_; }
  // Between requests, or with half a head: nothing would be lost.
  bool NoRequestYet() const { return phase_ == Phase::kIdle || phase_ == Phase::kHead; }
  void set_phase(Phase phase) { phase_ = phase; }
  bool gone() const { return gone_; }

 private:
  void OnDeadline();
  void WatchForHangUp();

  const std::shared_ptr<ServerState> state_;
  Shard& shard_;
  Socket socket_;
  InBuffer in_;
  const std::string peer_;
  boost::asio::cancellation_signal signal_;
  std::optional<std::stop_source> stop_;  // made when somebody asks
  Clock::time_point read_deadline_ = kNever;
  Clock::time_point write_deadline_ = kNever;
  Phase phase_ = Phase::kIdle;
  bool counted_ = true;
  bool reading_ = false;
  bool gone_ = false;
  bool watching_ = false;   // a wait for readability is pending; it may outlive the request it was started for
  bool pipelined_ = false;  // unread bytes hide a hang-up from a peek
};

// The connections of one loop.
struct Shard {
  explicit Shard(Loop& owner) : loop(owner) {}
  Loop& loop;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections;
  std::vector<std::shared_ptr<Connection>> ticked;  // scratch of the ticker: connections may vanish under it
  bool ticking = false;
  bool draining = false;
  bool reported_empty = false;
  Clock::time_point hard_stop = kNever;
};

struct ServerState : std::enable_shared_from_this<ServerState> {
  ServerState(const std::vector<Loop*>& loops, Handler handler, ServerOptions options);

  [[nodiscard]] Response ErrorResponse(unsigned status, const Error& error) const {
    return options.error_response(status, error);
  }
  void Bug(std::string_view where, std::string_view what) const {
    if (options.on_bug) options.on_bug(where, what);
  }
  void LeaveDrain();  // one of those that Drain() waits for has finished

  ServerOptions options;
  const Handler handler;
  std::vector<std::unique_ptr<Shard>> shards;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};

  std::mutex mutex;  // guards the rest
  std::vector<std::function<void()>> on_drained;
  std::size_t drain_pending = 0;
  bool drained = false;
};

// Serves requests until the connection ends.
[[nodiscard]] Task<> RunSession(std::shared_ptr<Connection> connection);

}  // namespace hostler::http
