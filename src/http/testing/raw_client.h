// For tests: a blocking socket that says exactly what it is told, and a server on loops of its own.
//
// Threads: the test's.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace hostler::http::testing {

class RawClient {
 public:
  RawClient() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval patience{20, 0};  // only so that a failing test ends
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  explicit RawClient(std::uint16_t port) : RawClient() { Connect(port); }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void ShutdownWrite() { ::shutdown(fd_, SHUT_WR); }
  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Some bytes, or empty at the end or on an error.
  std::string Some() {
    char buffer[16384];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    last_errno_ = n < 0 ? errno : 0;
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
  // Everything up to and with `mark`, or what came before the end.
  std::string Until(std::string_view mark) {
    for (;;) {
      if (const std::size_t at = pending_.find(mark); at != std::string::npos) return Cut(at + mark.size());
      const std::string more = Some();
      if (more.empty()) return Cut(pending_.size());
      pending_ += more;
    }
  }
  std::string Bytes(std::size_t n) {
    while (pending_.size() < n) {
      const std::string more = Some();
      if (more.empty()) break;
      pending_ += more;
    }
    return Cut(std::min(n, pending_.size()));
  }
  std::string All() {
    std::string all = std::exchange(pending_, {});
    for (std::string more = Some(); !more.empty(); more = Some()) all += more;
    return all;
  }
  // One answer with Content-Length: head and body.
  struct Answer {
    unsigned status = 0;
    std::string head;
    std::string body;
  };
  Answer Read(bool has_body = true) {
    Answer answer;
    answer.head = Until("\r\n\r\n");
    if (answer.head.size() > 12) answer.status = static_cast<unsigned>(std::atoi(answer.head.c_str() + 9));
    const std::size_t at = answer.head.find("Content-Length: ");
    if (has_body && at != std::string::npos)
      answer.body = Bytes(static_cast<std::size_t>(std::atol(answer.head.c_str() + at + 16)));
    return answer;
  }
  // What makes a slow client slow is the clock itself: there is no event to wait for.
  static void Dawdle(std::chrono::milliseconds time) { ::poll(nullptr, 0, static_cast<int>(time.count())); }
  bool AtEnd() { return pending_.empty() && Some().empty(); }
  int last_errno() const { return last_errno_; }
  int fd() const { return fd_; }

 private:
  std::string Cut(std::size_t n) {
    std::string text = pending_.substr(0, n);
    pending_.erase(0, n);
    return text;
  }

  int fd_;
  int last_errno_ = 0;
  std::string pending_;
};

// Something that happens once, waited for by another thread.
class Event {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  // False only if it never happens: the limit is not what is tested.
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return set_; });
  }
  bool is_set() {
    const std::lock_guard lock(mutex_);
    return set_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {}, std::size_t loops = 2) {
    std::vector<Loop*> pointers;
    for (std::size_t i = 0; i < loops; ++i) {
      loops_.push_back(std::make_unique<Loop>("test-io"));
      pointers.push_back(loops_.back().get());
    }
    options.on_bug = [this](std::string_view where, std::string_view what) {
      const std::lock_guard lock(mutex_);
      bugs_.push_back(std::string(where) + ": " + std::string(what));
      if (on_bug_) on_bug_(where);
    };
    server_ = std::make_unique<Server>(pointers, std::move(handler), std::move(options));
    auto port = server_->ListenTcp("127.0.0.1", 0);
    EXPECT_TRUE(port) << port.error().Text();
    port_ = port.value_or(0);
    for (auto& loop : loops_) loop->Start();
  }
  ~TestServer() { Stop(); }

  void Stop() {
    for (auto& loop : loops_) loop->Stop();
    for (auto& loop : loops_) loop->Join();
    server_.reset();
    loops_.clear();
  }
  std::uint16_t port() const { return port_; }
  Server& server() { return *server_; }
  Loop& loop(std::size_t i = 0) { return *loops_[i]; }
  void on_bug(std::function<void(std::string_view where)> tell) {
    const std::lock_guard lock(mutex_);
    on_bug_ = std::move(tell);
  }
  std::vector<std::string> bugs() {
    const std::lock_guard lock(mutex_);
    return bugs_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> bugs_;
  std::function<void(std::string_view)> on_bug_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

}  // namespace hostler::http::testing
