#include "http/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/ip/address.hpp>

namespace hostler::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr Clock::duration kFresh = std::chrono::milliseconds(20);
constexpr std::size_t kIdleLimit = 64;  // pooled connections of one endpoint

Error CannotConnect(std::string_view where, std::string_view why) {
  return Error{
      Code::kUnavailable, fmt::format("cannot connect to {}: {}", where, why), "Check that the server there is running", {}, {}};
}

Error ConnectTimeout(std::string_view where) {
  return Error{
      Code::kTimeout, fmt::format("connecting to {} took too long", where), "Check that the server there is running", {}, {}};
}

}  // namespace

void Wire::Close() {
  error_code ec;
  socket.close(ec);
}

void Wire::Expire() {
  expired = true;
  deadline = kNever;
  if (resolving != nullptr) resolving->cancel();
  Close();
}

void Wire::LookForEarlyAnswer() {
  if (!blocked || PeekPeer(socket.native_handle()) == PeerState::kQuiet) return;
  answered_early = true;
  error_code ec;
  socket.cancel(ec);
}

error_code Wire::Check(error_code ec) {
  if (ec == asio::error::operation_aborted && !expired) {
    Close();
    ThrowAborted();
  }
  return ec;
}

Task<error_code> Wire::Fill(std::size_t room) {
  const asio::mutable_buffer space = in.Prepare(room);
  auto [ec, n] = co_await socket.async_read_some(space, kAsTuple);
  in.Commit(n);
  co_return Check(ec);
}

std::optional<error_code> Wire::TryWrite(Gather& gather) {
  error_code ec;
  gather.Consume(socket.write_some(gather, ec));
  if (gather.empty()) return error_code();
  if (ec && ec != asio::error::would_block) return ec;
  return std::nullopt;
}

Task<error_code> Wire::Write(Gather gather) {
  for (;;) {
    if (const auto done = TryWrite(gather)) co_return *done;
    blocked = true;
    auto [waited] = co_await socket.async_wait(Socket::wait_write, kAsTuple);
    blocked = false;
    if (answered_early) co_return asio::error::broken_pipe;
    if (Check(waited)) co_return waited;
  }
}

std::unique_ptr<Wire> WireHub::Take(const Endpoint& endpoint) {
  const auto pool = idle_.find(endpoint);
  if (pool == idle_.end()) return nullptr;
  std::unique_ptr<Wire> wire;
  while (!wire && !pool->second.empty()) {
    wire = std::move(pool->second.back());  // the youngest is the likeliest to live
    pool->second.pop_back();
    // One that was used a moment ago is asked nothing: that would cost a system call for each request.
    if (CoarseNow() - wire->idle_since > kFresh && PeekPeer(wire->socket.native_handle()) != PeerState::kQuiet) wire.reset();
  }
  if (pool->second.empty()) idle_.erase(pool);
  if (wire) Use(*wire);
  return wire;
}

void WireHub::GiveBack(const Endpoint& endpoint, std::unique_ptr<Wire> wire) {
  if (closed_ || !wire->in.empty() || wire->expired || wire->forgotten) return;
  wire->unlink();
  wire->deadline = kNever;
  wire->idle_since = CoarseNow();
  wire->in.Shrink();
  auto& pool = idle_[endpoint];
  if (pool.size() >= kIdleLimit) pool.pop_front();
  pool.push_back(std::move(wire));
}

// Connections in use are not given back later: nobody would ever ask for them again.
void WireHub::Forget(const Endpoint& endpoint) {
  idle_.erase(endpoint);
  for (Wire& wire : used_) wire.forgotten |= wire.endpoint == endpoint;
}

void WireHub::Close() {
  closed_ = true;
  idle_.clear();
}

void WireHub::Use(Wire& wire) {
  used_.push_back(wire);
  if (!std::exchange(ticking_, true)) asio::co_spawn(executor_, RunTicker(shared_from_this()), EndOnBug);
}

// Deadlines of all connections, with one timer.
Task<> WireHub::RunTicker(std::shared_ptr<WireHub> hub) {
  Timer timer(hub->executor_);
  while (!hub->used_.empty()) {
    timer.expires_after(kTick);
    auto [ec] = co_await timer.async_wait(kAsTuple);
    if (ec) break;
    const Clock::time_point now = Clock::now();
    for (Wire& wire : hub->used_) {
      if (now >= wire.deadline)
        wire.Expire();
      else
        wire.LookForEarlyAnswer();
    }
  }
  hub->ticking_ = false;
}

Task<Result<std::unique_ptr<Wire>>> WireHub::Connect(const Endpoint& endpoint, Clock::duration limit) {
  auto wire = std::make_unique<Wire>(executor_);
  wire->endpoint = endpoint;
  wire->deadline = Clock::now() + limit;
  Use(*wire);
  if (!endpoint.unix_path.empty()) {
    HOSTLER_CO_OK(co_await ConnectUnix(*wire, endpoint.unix_path));
  } else {
    HOSTLER_CO_OK(co_await ConnectTcp(*wire, endpoint));
  }
  if (wire->expired) co_return Fail(ConnectTimeout(endpoint.Text()));
  error_code ec;
  wire->socket.non_blocking(true, ec);
  wire->deadline = kNever;
  co_return wire;
}

// Not through Asio's connect: on a Unix socket whose queue is full the kernel says EAGAIN and means it, while Asio would
// wait for writability and take that for success.
Task<Result<>> WireHub::ConnectUnix(Wire& wire, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    co_return Fail(Code::kInvalid, fmt::format("the path of the socket is too long: {}", path),
                   "Use a path of at most 107 bytes");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  error_code ec;
  wire.socket.open(asio::generic::stream_protocol(AF_UNIX, 0), ec);
  if (!ec) wire.socket.non_blocking(true, ec);
  if (ec) co_return Fail(CannotConnect(path, ec.message()));
  for (Clock::duration pause = std::chrono::milliseconds(1); !wire.expired; pause = std::min<Clock::duration>(pause * 2, kTick)) {
    if (::connect(wire.socket.native_handle(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      co_return Result<>();
    if (errno != EAGAIN && errno != EINTR) co_return Fail(CannotConnect(path, std::strerror(errno)));
    co_await Sleep(pause);
  }
  co_return Fail(ConnectTimeout(path));
}

Task<Result<>> WireHub::ConnectTcp(Wire& wire, const Endpoint& endpoint) {
  std::vector<tcp::endpoint> addresses;
  error_code ec;
  const asio::ip::address literal = asio::ip::make_address(endpoint.host, ec);
  if (!ec) {
    addresses.emplace_back(literal, endpoint.port);
  } else {
    Wire::Resolver resolver(executor_);
    wire.resolving = &resolver;
    const std::string service = std::to_string(endpoint.port);
    auto [failed, found] = co_await resolver.async_resolve(endpoint.host, service, kAsTuple);
    wire.resolving = nullptr;
    if (wire.expired) co_return Fail(ConnectTimeout(endpoint.Text()));
    if (failed) co_return Fail(CannotConnect(endpoint.Text(), failed.message()));
    for (const auto& entry : found) addresses.push_back(entry.endpoint());
  }
  error_code last = asio::error::host_not_found;
  for (const tcp::endpoint& address : addresses) {
    error_code ignored;
    wire.socket.close(ignored);
    const asio::generic::stream_protocol::endpoint generic(address);
    auto [failed] = co_await wire.socket.async_connect(generic, kAsTuple);
    if (wire.expired) co_return Fail(ConnectTimeout(endpoint.Text()));
    if (failed == asio::error::operation_aborted) ThrowAborted();
    last = failed;
    if (failed) continue;
    const int on = 1;
    ::setsockopt(wire.socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    co_return Result<>();
  }
  co_return Fail(CannotConnect(endpoint.Text(), last.message()));
}

}  // namespace hostler::http
