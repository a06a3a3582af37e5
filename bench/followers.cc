// Follows a log on many connections at once and checks every stream: each id follows the one before it, or a `lost` notice
// says how many are missing. Prints one JSON object. Started by followers.py.
//
//   followers HOST PORT COUNT SECONDS [PATH]
//
// It prints "ready" once all followers are connected, then counts for SECONDS. One thread, epoll.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Follower {
  int descriptor = -1;
  bool answered = false;
  bool lost_named = false;  // the next data line says how many
  std::uint64_t last = 0;   // id
  std::uint64_t lines = 0;
  std::string rest;  // the beginning of a line whose end has not come yet
};

struct Totals {
  std::uint64_t lines = 0;
  std::uint64_t told = 0;    // lines that streams said were lost
  std::uint64_t untold = 0;  // gaps without a word, and repetitions
  std::uint64_t reads = 0;
  std::uint64_t cut = 0;
  std::vector<std::uint32_t> delays;  // of a line, ms by its time stamp: how many
};

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::uint64_t Digits(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// Milliseconds in the minute; time stamps have no more than that in common with every time zone.
int NowInMinute() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int>(now.tv_sec % 60 * 1000 + now.tv_nsec / 1'000'000);
}

// {"id":7,"timestamp":"2026-01-15 10:30:45,123",…
int DelayOf(std::string_view data, int now) {
  constexpr std::string_view kKey = "\"timestamp\":\"";
  const std::size_t at = data.find(kKey);
  if (at == std::string_view::npos || data.size() < at + kKey.size() + 23) return -1;
  const std::string_view time = data.substr(at + kKey.size());
  const int then = static_cast<int>(Digits(time.substr(17, 2)) * 1000 + Digits(time.substr(20, 3)));
  return (now - then + 60'000) % 60'000;
}

void OnLine(Follower& follower, std::string_view line, int now, Totals& totals) {
  if (line.starts_with("id: ")) {
    const std::uint64_t id = Digits(line.substr(4));
    if (follower.last != 0 && id != follower.last + 1) ++totals.untold;
    follower.last = id;
  } else if (line.starts_with("event: lost")) {
    follower.lost_named = true;
  } else if (line.starts_with("data: ")) {
    if (follower.lost_named) {
      const std::size_t at = line.find("\"count\":");
      const std::uint64_t count = at == std::string_view::npos ? 0 : Digits(line.substr(at + 8));
      follower.lost_named = false;
      follower.last += count;
      totals.told += count;
      return;
    }
    ++follower.lines;
    ++totals.lines;
    const int delay = DelayOf(line, now);
    if (delay >= 0) ++totals.delays[std::min<std::size_t>(static_cast<std::size_t>(delay), totals.delays.size() - 1)];
  } else if (line.starts_with("HTTP/1.1 ")) {
    follower.answered = line.starts_with("HTTP/1.1 200");
    if (!follower.answered) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
      std::exit(1);
    }
  }
}

void OnBytes(Follower& follower, std::string_view bytes, int now, Totals& totals) {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = bytes.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    std::string_view line = bytes.substr(begin, end - begin);
    if (!follower.rest.empty()) {
      follower.rest.append(line);
      line = follower.rest;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    OnLine(follower, line, now, totals);
    follower.rest.clear();
  }
  follower.rest.append(bytes.substr(begin));
}

int Connect(const sockaddr_in& address, const std::string& request) {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  if (descriptor < 0) Die("socket");
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Die("connect");
  if (send(descriptor, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) Die("send");
  return descriptor;
}

void ReadOne(Follower& follower, int now, Totals& totals) {
  static char buffer[256 << 10];
  const ssize_t n = recv(follower.descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0) {
    ++totals.reads;
    OnBytes(follower, std::string_view(buffer, static_cast<std::size_t>(n)), now, totals);
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    ++totals.cut;
    close(follower.descriptor);
  }
}

// Reads until the moment, or, if there is none, until every follower has its answer.
void ReadUntil(int epoll, std::vector<Follower>& followers, Clock::time_point end, Totals& totals) {
  std::vector<epoll_event> events(1024);
  while (Clock::now() < end) {
    const int n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 20);
    const int now = NowInMinute();
    for (int i = 0; i < n; ++i) ReadOne(followers[events[static_cast<std::size_t>(i)].data.u32], now, totals);
    if (end == Clock::time_point::max() && std::ranges::all_of(followers, &Follower::answered)) return;
  }
}

int Percentile(const std::vector<std::uint32_t>& delays, double share) {
  std::uint64_t all = 0;
  for (const std::uint32_t count : delays) all += count;
  std::uint64_t seen = 0;
  for (std::size_t ms = 0; ms < delays.size(); ++ms) {
    seen += delays[ms];
    if (static_cast<double>(seen) >= share * static_cast<double>(all)) return static_cast<int>(ms);
  }
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: followers HOST PORT COUNT SECONDS [PATH]\n");
    return 2;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  const std::string path = argc > 5 ? argv[5] : "/logs/stream";
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + argv[1] + "\r\n\r\n";

  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  std::vector<Follower> followers(static_cast<std::size_t>(std::atoi(argv[3])));
  Totals totals;
  totals.delays.resize(20'000);
  const int epoll = epoll_create1(0);
  for (std::size_t i = 0; i < followers.size(); ++i) {
    followers[i].descriptor = Connect(address, request);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<std::uint32_t>(i);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, followers[i].descriptor, &event) != 0) Die("epoll_ctl");
  }
  ReadUntil(epoll, followers, Clock::time_point::max(), totals);
  std::printf("ready\n");
  std::fflush(stdout);
  ReadUntil(epoll, followers, Clock::now() + std::chrono::seconds(std::atoi(argv[4])), totals);

  const auto [least, most] = std::ranges::minmax(followers, {}, &Follower::lines);
  std::printf(
      R"({"followers":%zu,"lines":%llu,"least":%llu,"most":%llu,"told":%llu,"untold":%llu,"cut":%llu,"reads":%llu,"p50_ms":%d,"p99_ms":%d,"max_ms":%d})"
      "\n",
      followers.size(), static_cast<unsigned long long>(totals.lines), static_cast<unsigned long long>(least.lines),
      static_cast<unsigned long long>(most.lines), static_cast<unsigned long long>(totals.told),
      static_cast<unsigned long long>(totals.untold), static_cast<unsigned long long>(totals.cut),
      static_cast<unsigned long long>(totals.reads), Percentile(totals.delays, 0.5), Percentile(totals.delays, 0.99),
      Percentile(totals.delays, 1));
  return totals.untold == 0 && totals.cut == 0 ? 0 : 1;
}
