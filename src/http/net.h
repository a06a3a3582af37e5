// Sockets as both sides of this room use them: one type for TCP and Unix, non-blocking, on one loop. Internal to this room.
//
// Threads: the loop of the socket.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "async/task.h"

namespace hostler::http {

using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;
using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;

inline constexpr Clock::time_point kNever = Clock::time_point::max();
inline constexpr Clock::duration kTick = std::chrono::milliseconds(50);

[[noreturn]] inline void ThrowAborted() {
  throw boost::system::system_error(boost::asio::error::operation_aborted);
}

enum class PeerState { kQuiet, kReadable, kGone };

// Looks at what lies in the socket without taking it.
inline PeerState PeekPeer(int descriptor) {
  char byte = 0;
  const ssize_t n = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return PeerState::kReadable;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return PeerState::kQuiet;
  return PeerState::kGone;
}

// The same question while unread bytes are in the way.
inline bool PeerHungUp(int descriptor) {
  pollfd poll{descriptor, POLLRDHUP, 0};
  return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// Up to four pieces that go out in one system call; shrinks as they are sent.
class Gather {
 public:
  void Add(std::string_view piece) {
    if (!piece.empty()) buffers_[count_++] = boost::asio::const_buffer(piece.data(), piece.size());
  }
  void Consume(std::size_t n) {
    while (first_ < count_ && n >= buffers_[first_].size()) n -= buffers_[first_++].size();
    if (first_ < count_) buffers_[first_] += n;
  }
  [[nodiscard]] bool empty() const { return first_ == count_; }
  [[nodiscard]] const boost::asio::const_buffer* begin() const { return buffers_.data() + first_; }
  [[nodiscard]] const boost::asio::const_buffer* end() const { return buffers_.data() + count_; }
  using value_type = boost::asio::const_buffer;
  using const_iterator = const boost::asio::const_buffer*;

 private:
  std::array<boost::asio::const_buffer, 4> buffers_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

// Bytes that were received and not used yet.
class InBuffer {
 public:
  [[nodiscard]] std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }

  // Room for `n` more bytes behind those that are there.
  [[nodiscard]] boost::asio::mutable_buffer Prepare(std::size_t n) {
    if (capacity_ - end_ < n) Grow(n);
    return {data_.get() + end_, capacity_ - end_};
  }
  void Commit(std::size_t n) { end_ += n; }
  void Consume(std::size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Gives the memory of a large body back when the connection becomes idle.
  void Shrink() {
    if (empty() && capacity_ > kIdleCapacity) *this = InBuffer();
  }

 private:
  static constexpr std::size_t kIdleCapacity = 16 << 10;

  void Grow(std::size_t n) {
    const std::size_t used = size();
    if (capacity_ < used + n) {
      auto data = std::make_unique_for_overwrite<char[]>(used + n);
      if (used > 0) std::memcpy(data.get(), data_.get() + begin_, used);
      data_ = std::move(data);
      capacity_ = used + n;
    } else if (used > 0) {
      std::memmove(data_.get(), data_.get() + begin_, used);
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hostler::http
