#include "bench/first_byte.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {
namespace {

constexpr int kTurns = 60;

int Connect(const char* host, const char* port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  ::inet_pton(AF_INET, host, &address.sin_addr);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::exit(1);
  return socket;
}

// From sending the request to the first byte behind the answer's head; the rest is read away.
double Through(int socket, const std::string& request) {
  const std::int64_t begin = NowNs();
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(socket, request.data() + sent, request.size() - sent, 0);
    if (count < 0) std::exit(1);
    sent += static_cast<std::size_t>(count);
  }
  std::string answer;
  double first = 0;
  char buffer[65536];
  while (!answer.ends_with("0\r\n\r\n")) {
    const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
    if (count <= 0) std::exit(1);
    answer.append(buffer, static_cast<std::size_t>(count));
    const std::size_t head = answer.find("\r\n\r\n");
    if (first == 0 && head != std::string::npos && answer.size() > head + 4) first = MillisecondsSince(begin);
  }
  if (!answer.starts_with("HTTP/1.1 200")) {
    std::fprintf(stderr, "%s\n", answer.substr(0, 500).c_str());
    std::exit(1);
  }
  return first;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

std::int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double MillisecondsSince(std::int64_t begin_ns) {
  return static_cast<double>(NowNs() - begin_ns) / 1e6;
}

int Compare(const FirstByte& measured) {
  const std::string request = "POST " + measured.route +
                              " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                              std::to_string(measured.body.size()) + "\r\n\r\n" + measured.body;
  const int socket = Connect(measured.host, measured.port);
  std::vector<double> direct, through;
  for (int turn = 0; turn < kTurns; ++turn) {
    direct.push_back(measured.library());
    through.push_back(Through(socket, request));
  }
  ::close(socket);
  const double a = Median(direct), b = Median(through);
  std::printf("%s: library %.2f ms; through hostler %.2f ms; added %.2f ms, ratio %.2f (medians of %d in turns)\n",
              measured.what.c_str(), a, b, b - a, b / a, kTurns);
  return 0;
}

}  // namespace bench
