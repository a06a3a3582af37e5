#include "http/server.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/json.hpp>

#include "http/connection.h"

namespace hostler::http {

namespace asio = boost::asio;
using boost::system::error_code;
using Listener = asio::posix::basic_stream_descriptor<Executor>;

namespace {

constexpr int kAcceptBatch = 64;
// Connections beyond the limit, for as long as it takes until another one has made room or the refusal was heard.
constexpr std::size_t kSurplus = 2 * kAcceptBatch;

Response DefaultErrorResponse(unsigned status, const Error& error) {
  boost::json::object body;
  body["error"] = {{"code", CodeName(error.code)}, {"message", error.Text()}};
  return JsonResponse(boost::json::serialize(body), status);
}

Error SystemError(std::string_view what, int error) {
  return Error{Code::kUnavailable, fmt::format("{}: {}", what, std::strerror(error)), {}, {}, {}};
}

std::string PeerName(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  } else {
    return "unix";
  }
  return text;
}

// The allocator keeps what a flood of connections needed, scattered as it is, unless it is told that the flood is over.
void GiveMemoryBack(ServerState& state) {
  constexpr std::size_t kFlood = 1000;
  std::size_t peak = state.peak.load(std::memory_order_relaxed);
  if (peak < kFlood || state.connections.load(std::memory_order_relaxed) > peak / 16) return;
  if (state.peak.compare_exchange_strong(peak, 0)) ::malloc_trim(0);
}

Task<> RunTicker(std::shared_ptr<ServerState> state, Shard& shard) {
  Timer timer(shard.loop.executor());
  while (!shard.connections.empty()) {
    timer.expires_after(kTick);
    auto [ec] = co_await timer.async_wait(kAsTuple);
    if (ec) break;
    const Clock::time_point now = Clock::now();
    for (Connection& connection : shard.connections) shard.ticked.push_back(connection.shared_from_this());
    for (const auto& connection : shard.ticked) connection->Tick(now, shard.hard_stop);
    shard.ticked.clear();
    GiveMemoryBack(*state);  // a tick after the last of them: what they held is free by now
  }
  shard.ticking = false;
}

void ReportIfEmpty(ServerState& state, Shard& shard) {
  if (shard.draining && shard.connections.empty() && !std::exchange(shard.reported_empty, true)) state.LeaveDrain();
}

// The session is over, however it ended.
void Retire(const std::shared_ptr<Connection>& connection, const std::exception_ptr& thrown) {
  if (thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::operation_aborted) connection->state().Bug("session", error.what());
    } catch (const std::exception& error) {
      connection->state().Bug("session", error.what());
    }
  }
  connection->MarkGone();
  error_code ec;
  connection->socket().close(ec);
  connection->unlink();
  connection->Uncount();
  ReportIfEmpty(connection->state(), connection->shard());
  // The coroutine's last frames are still on the stack and were given this connection's cancellation slot.
  asio::post(connection->shard().loop.executor(), [connection] {});
}

// On the connection's own loop.
void Adopt(std::shared_ptr<Connection> connection) {
  Shard& shard = connection->shard();
  if (shard.draining) return;
  shard.connections.push_back(*connection);
  const bool full = connection->state().connections.load(std::memory_order_relaxed) > connection->state().options.max_connections;
  asio::co_spawn(shard.loop.executor(), full && !shard.MakeRoom() ? RunRefusal(connection) : RunSession(connection),
                 asio::bind_cancellation_slot(connection->slot(),
                                              [connection](const std::exception_ptr& thrown) { Retire(connection, thrown); }));
  if (!std::exchange(shard.ticking, true)) {
    asio::co_spawn(shard.loop.executor(), RunTicker(connection->state().shared_from_this(), shard), EndOnBug);
  }
}

void Welcome(const std::shared_ptr<ServerState>& state, Shard& shard, int descriptor, const sockaddr_storage& address) {
  const std::size_t most = state->options.max_connections;
  if (state->connections.load(std::memory_order_relaxed) >= most + std::min(most, kSurplus)) {
    constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    [[maybe_unused]] const ssize_t sent = ::send(descriptor, kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(descriptor);
    return;
  }
  const std::size_t now = state->connections.load(std::memory_order_relaxed) + 1;
  if (now > state->peak.load(std::memory_order_relaxed)) state->peak.store(now, std::memory_order_relaxed);
  const int family = address.ss_family;
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Socket socket(shard.loop.executor());
  error_code ec;
  socket.assign(asio::generic::stream_protocol(family, 0), descriptor, ec);
  if (ec) {
    ::close(descriptor);
    return;
  }
  socket.non_blocking(true, ec);
  auto connection = std::make_shared<Connection>(state, shard, std::move(socket), PeerName(address));
  shard.loop.Post([connection = std::move(connection)]() mutable { Adopt(std::move(connection)); });
}

// Takes the connections that wait; false if the process has run out of something and should let go for a moment.
bool AcceptReady(const std::shared_ptr<ServerState>& state, int listener, std::size_t& next) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int descriptor = ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      if (size < sizeof(sa_family_t)) address.ss_family = AF_UNIX;
      Welcome(state, *state->shards[next++ % state->shards.size()], descriptor, address);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return false;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    }
  }
  return true;
}

Task<> RunListener(std::shared_ptr<ServerState> state, std::shared_ptr<Listener> listener) {
  bool told = false;
  for (std::size_t next = 0;;) {
    auto [ec] = co_await listener->async_wait(Listener::wait_read, kAsTuple);
    if (ec || !listener->is_open()) co_return;
    if (AcceptReady(state, listener->native_handle(), next)) {
      told = false;
      continue;
    }
    if (!std::exchange(told, true)) state->Bug("accept", "out of descriptors or memory; new connections wait");
    Timer timer(listener->get_executor(), std::chrono::milliseconds(100));  // it would be ready again at once
    co_await timer.async_wait(kAsTuple);
    if (!listener->is_open()) co_return;
  }
}

void DrainShard(ServerState& state, Shard& shard, Clock::time_point hard_stop) {
  shard.hard_stop = std::min(shard.hard_stop, hard_stop);
  shard.draining = true;
  std::vector<std::shared_ptr<Connection>> idle;
  for (Connection& connection : shard.connections) {
    if (connection.NoRequestYet()) idle.push_back(connection.shared_from_this());
  }
  for (const auto& connection : idle) connection->Cancel();
  ReportIfEmpty(state, shard);
}

}  // namespace

ServerState::ServerState(const std::vector<Loop*>& loops, Handler handler, ServerOptions opts)
    : options(std::move(opts)), handler(std::move(handler)) {
  if (!options.error_response) options.error_response = DefaultErrorResponse;
  for (Loop* loop : loops) shards.push_back(std::make_unique<Shard>(*loop));
}

void ServerState::LeaveDrain() {
  std::vector<std::function<void()>> callbacks;
  {
    const std::lock_guard lock(mutex);
    if (--drain_pending > 0) return;
    drained = true;
    callbacks = std::exchange(on_drained, {});
  }
  for (auto& callback : callbacks) shards.front()->loop.Post(std::move(callback));
}

struct Server::Impl {
  std::shared_ptr<ServerState> state;
  std::mutex mutex;
  std::vector<std::shared_ptr<Listener>> listeners;  // used on the first loop
};

Server::Server(std::vector<Loop*> loops, Handler handler, ServerOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->state = std::make_shared<ServerState>(loops, std::move(handler), std::move(options));
}

Server::~Server() {
  for (const auto& listener : impl_->listeners) {
    error_code ec;
    if (listener->is_open()) listener->close(ec);
  }
}

Result<std::uint16_t> Server::ListenTcp(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (const int rc = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &found); rc != 0) {
    return Fail(Code::kInvalid, fmt::format("cannot resolve the address {}: {}", host, ::gai_strerror(rc)),
                "Check the address to listen on");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  // "localhost" is ::1 and 127.0.0.1; clients that know only one of them mostly know the latter.
  const addrinfo* chosen = found;
  while (chosen != nullptr && chosen->ai_family != AF_INET) chosen = chosen->ai_next;
  if (chosen == nullptr) chosen = found;
  const int descriptor = ::socket(chosen->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return Fail(SystemError("cannot open a socket", errno));
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(descriptor, chosen->ai_addr, chosen->ai_addrlen) != 0 || ::listen(descriptor, SOMAXCONN) != 0) {
    const int error = errno;
    ::close(descriptor);
    return Fail(SystemError(fmt::format("cannot listen on {}:{}", host, port), error)
                    .Remedy(error == EADDRINUSE ? "Stop the program that uses the port, or choose another one"
                                                : "Choose another address"));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
  HOSTLER_OK(ListenOn(descriptor));
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

Result<> Server::ListenOn(int descriptor) {
  const Executor executor = impl_->state->shards.front()->loop.executor();
  auto listener = std::make_shared<Listener>(executor);
  error_code ec;
  listener->assign(descriptor, ec);
  if (ec) {
    ::close(descriptor);
    return Fail(Code::kInvalid, "cannot use the listening socket: " + ec.message());
  }
  listener->non_blocking(true, ec);
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->state->draining) return Fail(Code::kUnavailable, "the server is shutting down");
    impl_->listeners.push_back(listener);
  }
  asio::co_spawn(executor, RunListener(impl_->state, listener), EndOnBug);
  return {};
}

void Server::Drain(Clock::duration limit, std::function<void()> done) {
  const std::shared_ptr<ServerState>& state = impl_->state;
  std::vector<std::shared_ptr<Listener>> listeners;
  bool first = false;
  {
    const std::lock_guard listen_lock(impl_->mutex);
    const std::lock_guard lock(state->mutex);
    if (state->drained) {
      state->shards.front()->loop.Post(std::move(done));
      return;
    }
    state->on_drained.push_back(std::move(done));
    first = !state->draining.exchange(true);
    if (first) {
      state->drain_pending = state->shards.size() + 1;
      listeners = impl_->listeners;
    }
  }
  const Clock::time_point hard_stop = Clock::now() + limit;
  if (first) {
    state->shards.front()->loop.Post([state, listeners] {
      error_code ec;
      for (const auto& listener : listeners) listener->close(ec);
      state->LeaveDrain();
    });
  }
  for (const auto& shard : state->shards) {
    shard->loop.Post([state, shard = shard.get(), hard_stop] { DrainShard(*state, *shard, hard_stop); });
  }
}

std::size_t Server::connections() const {
  return impl_->state->connections.load(std::memory_order_relaxed);
}

}  // namespace hostler::http
