#include "http/connection.h"

#include <utility>

namespace hostler::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr Clock::duration kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 16 << 20;
}  // namespace

Connection::Connection(std::shared_ptr<ServerState> state, Shard& shard, Socket socket, std::string peer)
    : state_(std::move(state)), shard_(shard), socket_(std::move(socket)), peer_(std::move(peer)) {
  ++state_->connections;
}

Connection::~Connection() {
  Uncount();
}

void Connection::Uncount() {
  if (std::exchange(counted_, false)) --state_->connections;
}

Task<error_code> Connection::Fill(std::size_t room, Clock::time_point deadline) {
  reading_ = true;
  read_deadline_ = deadline;
  const asio::mutable_buffer space = in_.Prepare(room);
  auto [ec, n] = co_await socket_.async_read_some(space, kAsTuple);
  read_deadline_ = kNever;
  reading_ = false;
  in_.Commit(n);
  co_return ec;
}

bool Connection::TryWrite(Gather& gather) {
  if (gone_) ThrowAborted();
  error_code ec;
  gather.Consume(socket_.write_some(gather, ec));
  if (gather.empty()) return true;
  if (ec && ec != asio::error::would_block) {
    MarkGone();
    ThrowAborted();
  }
  return false;
}

Task<> Connection::WriteRest(Gather gather) {
  do {
    write_deadline_ = Clock::now() + state_->options.io_deadline;
    auto [ec] = co_await socket_.async_wait(Socket::wait_write, kAsTuple);
    write_deadline_ = kNever;
    if (ec) ThrowAborted();
  } while (!TryWrite(gather));
}

Task<> Connection::Linger() {
  phase_ = Phase::kClosing;
  error_code ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  const Clock::time_point deadline = Clock::now() + kLinger;
  for (std::size_t total = 0; !ec && total < kLingerBytes;) {
    in_.Consume(in_.size());
    ec = co_await Fill(16 << 10, deadline);
    total += in_.size();
  }
}

void Connection::Tick(Clock::time_point now, Clock::time_point hard_stop) {
  if (gone_) return;
  if (now >= hard_stop || (shard_.draining && NoRequestYet())) {
    Cancel();
  } else if (now >= read_deadline_ || now >= write_deadline_) {
    OnDeadline();
  } else if (phase_ == Phase::kBusy && !reading_) {
    if (pipelined_) {
      if (PeerHungUp(socket_.native_handle())) Cancel();
    } else if (!watching_) {
      WatchForHangUp();
    }
  }
}

void Connection::OnDeadline() {
  if (phase_ == Phase::kHead) {
    // The client may still be listening; one attempt that cannot block is all it gets.
    constexpr std::string_view kLate = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    error_code ec;
    socket_.write_some(asio::buffer(kLate), ec);
  }
  Cancel();
}

// Only requests that are still running at a tick come here, so that the ordinary short one pays nothing.
void Connection::WatchForHangUp() {
  watching_ = true;
  if (in_.empty()) in_ = InBuffer();  // an answer that lasts reads nothing: thousands may follow a log
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code ec) {
    self->watching_ = false;
    if (ec || self->gone_ || self->phase_ != Phase::kBusy || self->reading_) return;
    const PeerState peer = PeekPeer(self->socket_.native_handle());
    if (peer == PeerState::kGone) self->Cancel();
    self->pipelined_ = peer == PeerState::kReadable;
  });
}

void Connection::Cancel() {
  if (gone_) return;
  MarkGone();
  signal_.emit(asio::cancellation_type::terminal);
}

void Connection::MarkGone() {
  gone_ = true;
  if (stop_) stop_->request_stop();
}

void Connection::Reset() {
  MarkGone();
  error_code ec;
  socket_.set_option(asio::socket_base::linger(true, 0), ec);
  socket_.close(ec);
}

std::stop_token Connection::stop_token() {
  if (!stop_) {
    stop_.emplace();
    if (gone_) stop_->request_stop();
  }
  return stop_->get_token();
}

void Connection::BeginRequest() {
  pipelined_ = false;
  phase_ = Phase::kBusy;
}

}  // namespace hostler::http
