// The client's connections: making, pooling, deadlines. Internal to this room.
//
// A Wire is owned by whoever uses it; the hub only knows it, to enforce its deadline. Threads: the client's loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include "base/result.h"
#include "http/client.h"
#include "http/net.h"

namespace hostler::http {

struct Wire : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  using Resolver = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, Executor>;

  explicit Wire(Executor executor) : socket(executor) {}

  // Reads or waits with the deadline that is set. Errors: kTimeout when it passed, else what `what` says, as kUpstream.
  // Throws operation_aborted, with the socket closed, if the waiting coroutine was cancelled.
  [[nodiscard]] Task<boost::system::error_code> Fill(std::size_t room);
  // Sends what the socket takes at once: success, the error, or nullopt if there is more to send.
  [[nodiscard]] std::optional<boost::system::error_code> TryWrite(Gather& gather);
  [[nodiscard]] Task<boost::system::error_code> Write(Gather gather);
  void Close();
  void Expire();  // the deadline has passed
  // A peer that answers before it has read the request may never read it: Write() ends then, with an error.
  void LookForEarlyAnswer();

  Socket socket;
  InBuffer in;
  Clock::time_point deadline = kNever;
  Endpoint endpoint;
  bool forgotten = false;        // that place is no more: not for the pool
  Clock::time_point idle_since;  // in the pool since then
  bool expired = false;
  bool blocked = false;  // Write() waits for the peer to take more
  bool answered_early = false;
  Resolver* resolving = nullptr;

 private:
  [[nodiscard]] boost::system::error_code Check(boost::system::error_code ec);
};

// What a Client and its replies share.
class WireHub : public std::enable_shared_from_this<WireHub> {
 public:
  explicit WireHub(Executor executor) : executor_(executor) {}

  [[nodiscard]] Task<Result<std::unique_ptr<Wire>>> Connect(const Endpoint& endpoint, Clock::duration limit);
  // A pooled connection that is alive as far as one can see, or null.
  [[nodiscard]] std::unique_ptr<Wire> Take(const Endpoint& endpoint);
  // REQUIRES: nothing is left to read of the last answer.
  void GiveBack(const Endpoint& endpoint, std::unique_ptr<Wire> wire);
  void Forget(const Endpoint& endpoint);
  void Close();

 private:
  [[nodiscard]] Task<Result<>> ConnectUnix(Wire& wire, const std::string& path);
  [[nodiscard]] Task<Result<>> ConnectTcp(Wire& wire, const Endpoint& endpoint);
  void Use(Wire& wire);
  static Task<> RunTicker(std::shared_ptr<WireHub> hub);

  const Executor executor_;
  std::map<Endpoint, std::deque<std::unique_ptr<Wire>>> idle_;
  boost::intrusive::list<Wire, boost::intrusive::constant_time_size<false>> used_;
  bool ticking_ = false;
  bool closed_ = false;
};

}  // namespace hostler::http
