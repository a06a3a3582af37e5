// For tests: a server that answers what it is told, right or wrong.
//
// Threads: one of its own, on which the scripts run.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/client.h"

namespace hostler::http::testing {

// A peer that says what a script tells it, one connection after the other.
class Scripted {
 public:
  using Script = std::function<void(int fd)>;
  explicit Scripted(std::vector<Script> scripts) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_.host = "127.0.0.1";
    endpoint_.port = ntohs(address.sin_port);
    thread_ = std::jthread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        ++connections;
        script(fd);
        ::close(fd);
      }
    });
  }
  ~Scripted() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  const Endpoint& endpoint() const { return endpoint_; }
  std::atomic<int> connections{0};

  // Reads one head, and says whether there was one.
  static bool ReadHead(int fd) {
    std::string text;
    char c = 0;
    while (!text.ends_with("\r\n\r\n")) {
      if (::recv(fd, &c, 1, 0) != 1) return false;
      text += c;
    }
    return true;
  }
  static void Say(int fd, std::string_view text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  static Script Answer(std::string text) {
    return [text = std::move(text)](int fd) {
      if (ReadHead(fd)) Say(fd, text);
    };
  }

 private:
  int listener_;
  Endpoint endpoint_;
  std::jthread thread_;
};

}  // namespace hostler::http::testing
