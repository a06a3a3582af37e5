#include "engines/fake/mischief.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "engine_sdk/options.h"
#include "os/files.h"

extern char** environ;

namespace hostler::fake {
namespace {

template <class T>
void Take(std::optional<T>& mine, const std::optional<T>& other) {
  if (other) mine = other;
}

// "generate" for /generate/control, "load" for /models/load, "health" for /health.
std::string RouteName(const std::string& path) {
  if (path.starts_with("/generate/")) return "generate";
  if (path.starts_with("/logs")) return "logs";
  return path.substr(path.rfind('/') + 1);
}

std::string BytesOf(const std::string& kind) {
  if (kind == "html") return "<!doctype html><title>502</title><h1>Bad Gateway</h1>";
  if (kind == "empty") return "";
  return R"({"status":42,"unfinished":[)";
}

}  // namespace

std::unique_ptr<char[]> Memory(int megabytes) {
  const std::size_t size = static_cast<std::size_t>(megabytes) << 20;
  auto memory = std::make_unique_for_overwrite<char[]>(size);
  // Different bytes: equal pages might be shared.
  for (std::size_t i = 0; i < size; i += 64) memory[i] = static_cast<char>(i >> 6);
  return memory;
}

Mischief::Mischief(Options options, int standard_output) : options_(std::move(options)), standard_output_(standard_output) {}

void Mischief::Add(const Options& other) {
  const std::lock_guard lock(mutex_);
  boost::mp11::mp_for_each<json::detail::Members<Options>>(
      [&](auto member) { Take(options_.*member.pointer, other.*member.pointer); });
  if (options_.ignore_sigterm.value_or(false)) std::signal(SIGTERM, SIG_IGN);
}

Options Mischief::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

void Mischief::Babble(log::Log& log) const {
  const Options now = options();
  const std::string noise(4096, '#');
  for (int left = now.babble_stdout.value_or(0); left > 0;) {
    const ssize_t written =
        ::write(standard_output_, noise.data(), std::min<std::size_t>(noise.size(), static_cast<std::size_t>(left)));
    if (written <= 0) break;
    left -= static_cast<int>(written);
  }
  for (int i = 0; i < now.babble_stderr.value_or(0); ++i) std::fprintf(stderr, "native library: line %d of its babble\n", i);
  for (int i = 0; i < now.babble_log.value_or(0); ++i) log.Info("babble {}", i);
}

void Mischief::Grow(int megabytes) {
  auto memory = Memory(megabytes);
  const std::lock_guard lock(mutex_);
  grown_.push_back(std::move(memory));
}

void Mischief::StartHelper() const {
  char name[] = "sleep";
  char time[] = "86400";
  char* arguments[] = {name, time, nullptr};
  pid_t pid = 0;
  if (::posix_spawnp(&pid, "sleep", nullptr, nullptr, arguments, environ) != 0) std::perror("sleep");
}

engine_sdk::Hooks Mischief::Hooks() {
  engine_sdk::Hooks hooks;
  hooks.before = [this](http::Exchange& exchange) { return Before(exchange); };
  hooks.started = [this] { Add({}); };
  return hooks;
}

// As little as an engine can do.
Task<> AnswerInstantly(http::Exchange& exchange, const Options& options) {
  const std::string silence(static_cast<std::size_t>(options.chunk_samples.value_or(1600)) * 2, '\0');
  const http::Headers headers = {{"Content-Type", "audio/pcm"}, {"X-Sample-Rate", "16000"}, {"X-Channels", "1"}};
  if (options.chunks == 1) {
    http::Response response{200, headers, silence};
    co_await exchange.Send(std::move(response));
    co_return;
  }
  co_await exchange.Start(200, headers);
  for (int i = 0; i < options.chunks.value_or(1); ++i) co_await exchange.Write(silence);
  co_await exchange.Finish();
}

Task<bool> Mischief::Before(http::Exchange& exchange) {
  const Options now = options();
  const std::string route = RouteName(exchange.path());
  if (now.instant.value_or(false) && route == "generate") {
    co_await AnswerInstantly(exchange, now);
    co_return true;
  }
  if (route == "health" && now.slow_health_ms) co_await Sleep(std::chrono::milliseconds(*now.slow_health_ms));
  if (now.garbage_answer != route) co_return false;
  const std::string kind = now.garbage_kind.value_or("json");
  if (kind == "truncated") {
    co_await exchange.Start(200, {{"Content-Type", "application/json"}}, 1000);
    co_await exchange.Write(R"({"status":"o)");
    exchange.Abort();
  } else {
    http::Response response = http::JsonResponse(BytesOf(kind), kind == "status" ? 500 : 200);
    if (kind == "html") response.headers.Set("Content-Type", "text/html");
    co_await exchange.Send(std::move(response));
  }
  co_return true;
}

int ServeRawGarbage(int argc, char** argv) {
  const auto options = engine_sdk::ParseOptions({argv + 1, argv + argc}, std::getenv("PORT"), nullptr);
  if (!options) return 2;
  os::Descriptor listening;
  if (options->listen_fd) {
    listening = os::Descriptor(*options->listen_fd);
  } else if (!options->socket.empty()) {
    auto socket = os::ListenUnix(options->socket);
    if (!socket) return 2;
    listening = *std::move(socket);
  } else {
    listening = os::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listening.get(), 16) != 0)
      return 2;
  }
  const std::string noise = "\x01\x02 this is not HTTP \xff\xfe\r\n\r\n";
  while (true) {
    pollfd wait{listening.get(), POLLIN, 0};  // a handed-over socket may be non-blocking
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR) return 2;
    const os::Descriptor peer(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) continue;
    char request[4096];
    (void)!::read(peer.get(), request, sizeof request);
    (void)!::write(peer.get(), noise.data(), noise.size());
  }
}

}  // namespace hostler::fake
