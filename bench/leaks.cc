// Sends many requests of mixed kinds on a few connections, one after the other on each, and hangs up now and then.
// Prints one JSON object. Started by leaks.py.
//
//   leaks HOST PORT REQUESTS CONNECTIONS
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Kind {
  const char* name;
  int weight;  // of 1,000 requests
  std::string request;
  int status;
  bool leaves = false;  // does not wait for the answer
  long answered = 0;
  long unexpected = 0;
};

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

std::string Post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

struct Client {
  int descriptor = -1;
  std::size_t kind = 0;
  std::string in;
};

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Bytes of the answer at the front, 0 if it is not whole yet.
std::size_t AnswerSize(std::string_view in) {
  const std::size_t head = in.find("\r\n\r\n");
  if (head == std::string_view::npos) return 0;
  const std::size_t at = in.substr(0, head).find("Content-Length: ");
  if (at == std::string_view::npos) {  // chunked: it ends with an empty chunk
    if (in.substr(head).starts_with("\r\n\r\n0\r\n\r\n")) return head + 9;
    const std::size_t end = in.find("\r\n0\r\n\r\n", head);
    return end == std::string_view::npos ? 0 : end + 7;
  }
  std::size_t length = 0;
  std::from_chars(in.data() + at + 16, in.data() + head, length);
  return in.size() >= head + 4 + length ? head + 4 + length : 0;
}

class Loader {
 public:
  Loader(const char* host, int port, long requests, std::size_t connections) : left_(requests), clients_(connections) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, host, &address_.sin_addr);
    const std::string speech = R"({"model":"leaks","input":"a","response_format":"pcm"})";
    kinds_ = {
        {"health", 400, Get("/health"), 200},
        {"models", 150, Get("/v1/models"), 200},
        {"speech", 250, Post("/v1/audio/speech", speech), 200},
        {"not found", 80, Get("/nowhere"), 404},
        {"broken JSON", 50, Post("/v1/audio/speech", "{"), 400},
        {"no such model", 50, Post("/v1/audio/speech", R"({"model":"nobody","input":"a"})"), 404},
        {"hang-up in a speech", 15, Post("/v1/audio/speech", speech), 0, true},
        {"hang-up in a stream of the log", 5, Get("/logs/stream"), 0, true},
    };
    for (std::size_t i = 0; i < kinds_.size(); ++i) order_.insert(order_.end(), static_cast<std::size_t>(kinds_[i].weight), i);
    // A fixed shuffle: every run sends the same.
    for (std::size_t i = 0; i < order_.size(); ++i) std::swap(order_[i], order_[(i * 7919 + 13) % order_.size()]);
  }

  void Run() {
    epoll_ = epoll_create1(0);
    for (std::size_t i = 0; i < clients_.size(); ++i) Next(i);
    std::vector<epoll_event> events(256);
    while (open_ > 0) {
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 60'000);
      if (n == 0) {
        std::fprintf(stderr, "no answer for a minute\n");
        std::exit(1);
      }
      for (int i = 0; i < n; ++i) Read(events[static_cast<std::size_t>(i)].data.u32);
    }
  }

  int Report() const {
    long unexpected = cut_;
    std::printf("{");
    for (const Kind& kind : kinds_) {
      std::printf("\"%s\":%ld,", kind.name, kind.answered);
      unexpected += kind.unexpected;
    }
    std::printf("\"unexpected\":%ld}\n", unexpected);
    return unexpected == 0 ? 0 : 1;
  }

 private:
  void Next(std::size_t index) {
    Client& client = clients_[index];
    while (left_ > 0) {
      client.kind = order_[static_cast<std::size_t>(left_--) % order_.size()];
      Kind& kind = kinds_[client.kind];
      if (client.descriptor < 0) Connect(index);
      if (send(client.descriptor, kind.request.data(), kind.request.size(), MSG_NOSIGNAL) < 0) Die("send");
      if (!kind.leaves) return;
      ++kind.answered;
      Close(client);
    }
    if (client.descriptor >= 0) Close(client);
  }

  void Connect(std::size_t index) {
    Client& client = clients_[index];
    client.descriptor = socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    setsockopt(client.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(client.descriptor, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) Die("connect");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<std::uint32_t>(index);
    epoll_ctl(epoll_, EPOLL_CTL_ADD, client.descriptor, &event);
    ++open_;
  }

  void Close(Client& client) {
    close(client.descriptor);
    client.descriptor = -1;
    client.in.clear();
    --open_;
  }

  void Read(std::size_t index) {
    Client& client = clients_[index];
    if (client.descriptor < 0) return;
    std::array<char, 65536> buffer;
    const ssize_t n = recv(client.descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      ++cut_;
      Close(client);
      Next(index);
      return;
    }
    client.in.append(buffer.data(), static_cast<std::size_t>(n));
    const std::size_t size = AnswerSize(client.in);
    if (size == 0) return;
    Kind& kind = kinds_[client.kind];
    ++kind.answered;
    const int status = std::atoi(client.in.c_str() + 9);
    if (status != kind.status && kind.unexpected++ == 0) std::fprintf(stderr, "%s: %.300s\n", kind.name, client.in.c_str());
    const bool closes = std::string_view(client.in).substr(0, size).find("Connection: close") != std::string_view::npos;
    client.in.erase(0, size);
    if (closes) Close(client);
    Next(index);
  }

  sockaddr_in address_{};
  int epoll_ = -1;
  long left_;
  long cut_ = 0;
  int open_ = 0;
  std::vector<Client> clients_;
  std::vector<Kind> kinds_;
  std::vector<std::size_t> order_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: leaks HOST PORT REQUESTS CONNECTIONS\n");
    return 2;
  }
  Loader loader(argv[1], std::atoi(argv[2]), std::atol(argv[3]), static_cast<std::size_t>(std::atol(argv[4])));
  loader.Run();
  return loader.Report();
}
