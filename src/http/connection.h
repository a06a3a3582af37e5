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

// How long a client may still keep a request waiting. Waiting spends it, bytes earn it back, up to what it was at first: who
// moves nothing is cut when it is spent, and so is, a little later, who moves a byte now and then in order to stay for ever.
class Patience {
 public:
  Patience(Clock::duration most, std::uint64_t slowest) : most_(most), slowest_(slowest), left_(most) {}
  [[nodiscard]] Clock::duration left() const { return left_; }
  void Waited(Clock::duration time, std::uint64_t bytes);
  void Renew() { left_ = most_; }

 private:
  Clock::duration most_;
  std::uint64_t slowest_;
  Clock::duration left_;
};

class Connection : public std::enable_shared_from_this<Connection>,
                   public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Connection(std::shared_ptr<ServerState> state, Shard& shard, Socket socket, std::string peer);
  ~Connection();

  // kIdle and kHead belong to the session, kBusy to the handler, kClosing to the session again.
  enum class Phase { kIdle, kHead, kBusy, kClosing };

  // Reads some bytes into in(). REQUIRES: one reader at a time.
  [[nodiscard]] Task<boost::system::error_code> Fill(std::size_t room, Clock::time_point deadline);
  // The same for the body of a request, as long as its sender is not too slow. If that ends it and nothing was `answered` yet,
  // the client is told.
  [[nodiscard]] Task<boost::system::error_code> FillBody(std::size_t room, bool answered);
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
  // Waits for a request from now on, and may have to make room for another connection.
  void BeginWait();
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
  void OnDeadline(Clock::time_point now);
  void WatchForHangUp();
  void CountTaken(Clock::time_point now);
  void Queue();

  friend struct Shard;
  using WaitingHook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  const std::shared_ptr<ServerState> state_;
  Shard& shard_;
  Socket socket_;
  InBuffer in_;
  const std::string peer_;
  boost::asio::cancellation_signal signal_;
  std::optional<std::stop_source> stop_;  // made when somebody asks
  Clock::time_point read_deadline_ = kNever;
  Clock::time_point write_deadline_ = kNever;
  Patience sender_;  // with the client as it sends a body
  Patience reader_;  // with the client as it takes an answer
  Clock::time_point write_since_;
  std::uint64_t untaken_ = 0;  // bytes that lay in the kernel then
  WaitingHook waiting_;
  Clock::time_point waiting_since_;
  Phase phase_ = Phase::kIdle;
  bool counted_ = true;
  bool reading_ = false;
  bool stranger_ = true;    // has not sent a whole request yet
  bool tell_late_ = false;  // a body is read and nothing was answered
  bool gone_ = false;
  bool watching_ = false;   // a wait for readability is pending; it may outlive the request it was started for
  bool pipelined_ = false;  // unread bytes hide a hang-up from a peek
};

// The connections of one loop.
struct Shard {
  explicit Shard(Loop& owner) : loop(owner) {}
  Loop& loop;
  boost::intrusive::list<Connection, boost::intrusive::constant_time_size<false>> connections;
  // Those that wait for a request, the longest first.
  using Waiting =
      boost::intrusive::list<Connection,
                             boost::intrusive::member_hook<Connection, Connection::WaitingHook, &Connection::waiting_>,
                             boost::intrusive::constant_time_size<false>>;
  Waiting strangers;
  Waiting regulars;
  // Ends one that has waited for a while, so that it is not one whose request is on its way; false if there is none.
  bool MakeRoom();
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
  // A whole answer that ends the connection, as bytes.
  [[nodiscard]] std::string Refusal(unsigned status, const Error& error) const;
  void Bug(std::string_view where, std::string_view what) const {
    if (options.on_bug) options.on_bug(where, what);
  }
  void LeaveDrain();  // one of those that Drain() waits for has finished

  ServerOptions options;
  const Handler handler;
  std::vector<std::unique_ptr<Shard>> shards;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> buffered{0};  // bytes of bodies that are not whole yet
  std::atomic<std::size_t> peak{0};        // most connections since memory was given back

  std::mutex mutex;  // guards the rest
  std::vector<std::function<void()>> on_drained;
  std::size_t drain_pending = 0;
  bool drained = false;
};

// Serves requests until the connection ends.
[[nodiscard]] Task<> RunSession(std::shared_ptr<Connection> connection);
// Says that there is no room for another connection.
[[nodiscard]] Task<> RunRefusal(std::shared_ptr<Connection> connection);

}  // namespace hostler::http
