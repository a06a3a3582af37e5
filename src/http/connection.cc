#include "http/connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <utility>

namespace hostler::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr Clock::duration kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 16 << 20;
constexpr Clock::duration kGrace = std::chrono::milliseconds(200);

// Bytes that the other side's kernel has not taken yet.
std::uint64_t Untaken(int descriptor) {
  int bytes = 0;
  return ::ioctl(descriptor, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}
}  // namespace

void Patience::Waited(Clock::duration time, std::uint64_t bytes) {
  left_ = std::max(left_ - time, Clock::duration::zero());
  const std::chrono::duration<double> earned(static_cast<double>(bytes) / static_cast<double>(slowest_));
  left_ = earned >= most_ - left_ ? most_ : left_ + std::chrono::duration_cast<Clock::duration>(earned);
}

Connection::Connection(std::shared_ptr<ServerState> state, Shard& shard, Socket socket, std::string peer)
    : state_(std::move(state)),
      shard_(shard),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      sender_(state_->options.io_deadline, state_->options.slowest),
      reader_(sender_) {
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

Task<error_code> Connection::FillBody(std::size_t room, bool answered) {
  const Clock::time_point begin = Clock::now();
  const std::size_t before = in_.size();
  tell_late_ = !answered;
  const error_code ec = co_await Fill(room, begin + sender_.left());
  tell_late_ = false;
  sender_.Waited(Clock::now() - begin, in_.size() - before);
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
    write_since_ = CoarseNow();
    untaken_ = Untaken(socket_.native_handle());
    write_deadline_ = write_since_ + reader_.left();
    auto [ec] = co_await socket_.async_wait(Socket::wait_write, kAsTuple);
    write_deadline_ = kNever;
    if (ec) ThrowAborted();
    CountTaken(Clock::now());
  } while (!TryWrite(gather));
}

// The socket is writable again only when a good part of its buffer is free, which can be megabytes: somebody who listens to an
// answer at its own speed needs minutes for that. So what counts is what the kernel got rid of.
void Connection::CountTaken(Clock::time_point now) {
  const std::uint64_t untaken = Untaken(socket_.native_handle());
  reader_.Waited(now - write_since_, untaken_ > untaken ? untaken_ - untaken : 0);
  write_since_ = now;
  untaken_ = untaken;
}

Task<> Connection::Linger() {
  phase_ = Phase::kClosing;
  stranger_ = true;  // it has its answer: it may go before those who still want one
  Queue();
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
    OnDeadline(now);
  } else if (phase_ == Phase::kBusy && !reading_) {
    if (pipelined_) {
      if (PeerHungUp(socket_.native_handle())) Cancel();
    } else if (!watching_) {
      WatchForHangUp();
    }
  }
}

void Connection::OnDeadline(Clock::time_point now) {
  if (now >= write_deadline_) {
    CountTaken(now);
    if (reader_.left() > Clock::duration::zero()) {
      write_deadline_ = now + reader_.left();
      return;
    }
  }
  if (phase_ == Phase::kHead || tell_late_) {
    // The client may still be listening; one attempt that cannot block is all it gets.
    const Error late{Code::kTimeout, "the request did not arrive in time", "Send it at once, or faster", {}, {}};
    error_code ec;
    socket_.write_some(asio::buffer(state_->Refusal(408, late)), ec);
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
  waiting_.unlink();
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

void Connection::BeginWait() {
  phase_ = Phase::kIdle;
  Queue();
}

void Connection::Queue() {
  if (waiting_.is_linked()) return;
  waiting_since_ = Clock::now();
  (stranger_ ? shard_.strangers : shard_.regulars).push_back(*this);
}

void Connection::BeginRequest() {
  waiting_.unlink();
  stranger_ = false;
  sender_.Renew();
  reader_.Renew();
  pipelined_ = false;
  phase_ = Phase::kBusy;
}

bool Shard::MakeRoom() {
  const Clock::time_point before = Clock::now() - kGrace;
  for (Waiting* waiting : {&strangers, &regulars}) {
    if (waiting->empty()) continue;
    if (waiting->front().waiting_since_ > before) return false;  // a crowd of strangers drives nobody out
    waiting->front().shared_from_this()->Cancel();
    return true;
  }
  return false;
}

}  // namespace hostler::http
