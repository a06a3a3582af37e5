// A load generator for benchmarks: the same requests at several servers in turns, so that what the machine does meanwhile
// hits all of them alike.
//
//   load requests --connections 16 --rounds 7 --seconds 0.5 --request FILE NAME=TARGET...
//   load events --streams 200 --rounds 3 --request FILE NAME=TARGET...
//
// TARGET is HOST:PORT or unix:PATH, with the path of the request behind a comma: 127.0.0.1:80,/generate/control. FILE is the
// request without its first line. `requests` keeps one request in flight on each connection; `events` opens streams whose
// events carry the sender's clock, {"text":"sent at NANOSECONDS"}, and measures how late they come. One JSON line per NAME.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "http/codec.h"
#include "os/descriptor.h"

namespace hostler::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "load: %s\n", why.c_str());
  std::exit(1);
}

struct Target {
  std::string name;
  std::string address;  // HOST:PORT or unix:PATH
  std::string request;  // whole
};

os::Descriptor Connect(const std::string& address) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.starts_with("unix:")) {
    auto& name = reinterpret_cast<sockaddr_un&>(storage);
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, address.c_str() + 5, sizeof name.sun_path - 1);
    size = sizeof name;
  } else {
    auto& name = reinterpret_cast<sockaddr_in&>(storage);
    const std::size_t colon = address.rfind(':');
    name.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr);
    name.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
    size = sizeof name;
  }
  os::Descriptor socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0)
    Die(fmt::format("cannot connect to {}: {}", address, std::strerror(errno)));
  const int on = 1;
  if (storage.ss_family == AF_INET) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

// One answer as it comes in.
class Answer {
 public:
  // Takes what was received; the content among it goes to `sink`. True when the answer is whole.
  template <class Sink>
  bool Put(std::string_view bytes, const Sink& sink) {
    pending_.append(bytes);
    if (!body_ && !ReadHead()) return false;
    std::size_t used = 0;
    while (!body_->done() && used < pending_.size()) {
      const auto piece = body_->Put(std::string_view(pending_).substr(used));
      if (!piece) Die("a broken answer");
      if (piece->consumed == 0) break;
      used += piece->consumed;
      sink(piece->data);
    }
    pending_.erase(0, used);
    return body_->done();
  }
  [[nodiscard]] bool begun() const { return body_ != nullptr || !pending_.empty(); }

 private:
  bool ReadHead() {
    const auto size = scanner_.Scan(pending_, 64 << 10);
    if (!size) Die("a head that cannot be read");
    if (*size == 0) return false;
    const auto head = http::ParseResponseHead(std::string_view(pending_).substr(0, *size));
    if (!head || head->status != 200) Die("an error: " + pending_);
    body_ = head->chunked ? http::MakeChunkedDecoder() : http::MakeLengthDecoder(head->length.value_or(0));
    pending_.erase(0, *size);
    return true;
  }
  std::string pending_;
  http::HeadScanner scanner_;
  std::unique_ptr<http::BodyDecoder> body_;
};

struct Line {  // a connection with one request in flight
  os::Descriptor socket;
  Answer answer;
  SteadyClock::time_point begin;
};

void Send(Line& line, const std::string& request) {
  line.answer = Answer();
  line.begin = SteadyClock::now();
  std::size_t sent = 0;
  while (sent < request.size()) {
    const ssize_t n = ::send(line.socket.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) Die("the server hung up");
    sent += static_cast<std::size_t>(n);
  }
}

class Crowd {
 public:
  // `pause`: between the first requests, lest all streams send at the same moments.
  Crowd(const Target& target, int count, SteadyClock::duration pause = {})
      : target_(target), epoll_(::epoll_create1(EPOLL_CLOEXEC)), lines_(count) {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      Open(lines_[i]);
      Send(lines_[i], target.request);
      std::this_thread::sleep_for(pause);
    }
  }

  void Open(Line& line) {
    line.socket = Connect(target_.address);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = static_cast<std::uint64_t>(&line - lines_.data())}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, line.socket.get(), &event);
  }

  // Calls `on_bytes(line, bytes)` for what arrives until it returns false.
  template <class OnBytes>
  void Run(const OnBytes& on_bytes) {
    std::vector<char> buffer(256 << 10);
    epoll_event events[64];
    for (bool go_on = true; go_on;) {
      const int ready = ::epoll_wait(epoll_.get(), events, 64, -1);
      for (int i = 0; i < ready && go_on; ++i) {
        Line& line = lines_[events[i].data.u64];
        const ssize_t got = ::recv(line.socket.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) {
          if (line.answer.begun()) Die("the server broke off");
          Open(line);  // some servers close after so many answers, or after each stream
          Send(line, target_.request);
          continue;
        }
        go_on = on_bytes(line, std::string_view(buffer.data(), static_cast<std::size_t>(got)));
      }
    }
  }
  const Target& target() const { return target_; }

 private:
  const Target& target_;
  os::Descriptor epoll_;
  std::vector<Line> lines_;
};

double Quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

struct Round {
  double p50 = 0;  // µs
  double p99 = 0;  // µs
  double longest = 0;
  double rate = 0;  // per second
  double bytes = 0;
};

Round RunRequests(const Target& target, int connections, double seconds) {
  Crowd crowd(target, connections);
  std::vector<double> times;
  std::size_t bytes = 0;
  const auto start = SteadyClock::now();
  const auto end = start + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(seconds));
  crowd.Run([&](Line& line, std::string_view piece) {
    if (!line.answer.Put(piece, [&](std::string_view data) { bytes += data.size(); })) return true;
    const auto now = SteadyClock::now();
    times.push_back(std::chrono::duration<double, std::micro>(now - line.begin).count());
    if (now >= end) return false;
    Send(line, target.request);
    return true;
  });
  const double took = std::chrono::duration<double>(SteadyClock::now() - start).count();
  const auto count = static_cast<double>(times.size());
  return {Quantile(times, 0.5), Quantile(times, 0.99), Quantile(times, 1), count / took, static_cast<double>(bytes) / count};
}

Round RunEvents(const Target& target, int streams) {
  constexpr std::string_view kMark = "sent at ";
  Crowd crowd(target, streams, std::chrono::milliseconds(50) / streams);
  std::vector<double> delays;
  int open = streams;
  const auto start = SteadyClock::now();
  crowd.Run([&](Line& line, std::string_view piece) {
    const auto now = SteadyClock::now().time_since_epoch();
    const double nanoseconds = static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
    const bool done = line.answer.Put(piece, [&](std::string_view data) {
      data = data.substr(0, data.find("event: done"));  // which holds them all again
      for (std::size_t at = data.find(kMark); at != std::string_view::npos; at = data.find(kMark, at + 1)) {
        std::uint64_t sent = 0;
        std::from_chars(data.data() + at + kMark.size(), data.data() + data.size(), sent);
        delays.push_back((nanoseconds - static_cast<double>(sent)) / 1000);
      }
    });
    return !done || --open > 0;
  });
  const double took = std::chrono::duration<double>(SteadyClock::now() - start).count();
  const auto count = static_cast<double>(delays.size());
  return {Quantile(delays, 0.5), Quantile(delays, 0.99), Quantile(delays, 1), count / took, count};
}

double Median(const std::vector<Round>& rounds, double Round::* field) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(round.*field);
  return Quantile(values, 0.5);
}

std::string List(const std::vector<Round>& rounds, double Round::* field) {
  std::string text;
  for (const Round& round : rounds) text += fmt::format("{}{:.2f}", text.empty() ? "" : ",", round.*field);
  return "[" + text + "]";
}

struct Settings {
  std::string mode;
  int connections = 1;
  int rounds = 5;
  double seconds = 0.5;
  std::string rest;  // of the request
  std::vector<Target> targets;
};

Target ParseTarget(std::string_view text, const std::string& rest) {
  const std::size_t equals = text.find('=');
  const std::size_t comma = text.find(',');
  if (equals == std::string_view::npos || comma == std::string_view::npos) Die("a target is NAME=ADDRESS,/path");
  const std::string method = rest.contains("Content-Length") ? "POST" : "GET";
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1, comma - equals - 1)),
          fmt::format("{} {} HTTP/1.1\r\n{}", method, text.substr(comma + 1), rest)};
}

Settings Parse(int argc, char** argv) {
  if (argc < 2) Die("requests or events?");
  Settings settings{.mode = argv[1], .rest = "Host: localhost\r\n\r\n"};
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) {
      settings.targets.push_back(ParseTarget(word, settings.rest));
    } else if (i + 1 == argc) {
      Die("a value is missing");
    } else if (const char* value = argv[++i]; word == "--request") {
      std::ifstream file(value, std::ios::binary);
      settings.rest.assign(std::istreambuf_iterator<char>(file), {});
    } else if (word == "--connections" || word == "--streams") {
      settings.connections = std::atoi(value);
    } else if (word == "--rounds") {
      settings.rounds = std::atoi(value);
    } else if (word == "--seconds") {
      settings.seconds = std::atof(value);
    } else {
      Die("unknown option");
    }
  }
  return settings;
}

int Main(int argc, char** argv) {
  const Settings settings = Parse(argc, argv);
  const bool events = settings.mode == "events";
  std::map<std::string, std::vector<Round>> results;
  for (int round = 0; round < settings.rounds; ++round) {
    for (std::size_t i = 0; i < settings.targets.size(); ++i) {
      // Every round begins with another one.
      const Target& target = settings.targets[(i + static_cast<std::size_t>(round)) % settings.targets.size()];
      results[target.name].push_back(events ? RunEvents(target, settings.connections)
                                            : RunRequests(target, settings.connections, settings.seconds));
    }
  }
  for (const Target& target : settings.targets) {
    const auto& rounds = results[target.name];
    fmt::print(
        "{{\"name\":\"{}\",\"p50\":{:.2f},\"p99\":{:.2f},\"longest\":{:.0f},\"rate\":{:.1f},\"bytes\":{:.0f},\"p50s\":{},"
        "\"rates\":{}}}\n",
        target.name, Median(rounds, &Round::p50), Median(rounds, &Round::p99), Median(rounds, &Round::longest),
        Median(rounds, &Round::rate), Median(rounds, &Round::bytes), List(rounds, &Round::p50), List(rounds, &Round::rate));
  }
  return 0;
}

}  // namespace
}  // namespace hostler::bench

int main(int argc, char** argv) {
  return hostler::bench::Main(argc, argv);
}
