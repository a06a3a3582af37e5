// A server that answers what a test tells it to, at a real socket, and a command line in a made-up world.
//
// For tests only. Answers are set before the request that gets them comes; what was received may be read at any time.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "async/task.h"
#include "cli/surroundings.h"
#include "http/server.h"

namespace hostler::cli {

class FakeDaemon {
 public:
  struct Received {
    std::string line;  // "POST /models/load"; with the query
    std::string body;
    std::string content_type;
    std::string last_event_id;
  };

  FakeDaemon()
      : server_(std::make_unique<http::Server>(
            std::vector<Loop*>{&loop_}, [this](http::Exchange& exchange) { return Handle(exchange); }, http::ServerOptions{})) {
    port_ = server_->ListenTcp("127.0.0.1", 0).value();
    loop_.Start();
  }
  ~FakeDaemon() {
    loop_.Stop();
    loop_.Join();
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // `route`: "GET /models", without a query.
  void Answer(const std::string& route, std::string body, unsigned status = 200) {
    handlers_[route] = [body = std::move(body), status](http::Exchange& exchange) {
      return exchange.Send(http::JsonResponse(body, status));
    };
  }
  void Handle(const std::string& route, http::Handler handler) { handlers_[route] = std::move(handler); }

  [[nodiscard]] std::vector<Received> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const Received& one : received()) lines.push_back(one.line);
    return lines;
  }

 private:
  Task<> Handle(http::Exchange& exchange) {
    auto body = co_await exchange.ReadBody(64 << 20);
    const std::string method(http::MethodName(exchange.method()));
    {
      const std::lock_guard lock(mutex_);
      received_.push_back({method + " " + exchange.target(), body.value_or(""),
                           std::string(exchange.headers().Get("Content-Type")),
                           std::string(exchange.headers().Get("Last-Event-ID"))});
    }
    const auto found = handlers_.find(method + " " + exchange.path());
    if (found != handlers_.end()) co_return co_await found->second(exchange);
    co_await exchange.Send(http::JsonResponse(R"({"error":{"message":"no such route","code":"not_found"}})", 404));
  }

  Loop loop_{"fake-daemon"};
  std::map<std::string, http::Handler> handlers_;
  mutable std::mutex mutex_;
  std::vector<Received> received_;
  std::unique_ptr<http::Server> server_;
  std::uint16_t port_ = 0;
};

// A world with a temporary folder as HOME, no terminal, and streams that are kept.
class World {
 public:
  World();
  ~World();

  int Run(std::vector<std::string> arguments);  // against the daemon
  // As people see it.
  void OnTerminal(int width = 80);
  // HOME/run/daemon.json says that a daemon listens at `url` with this process's pid.
  void WriteDaemonFile(const std::string& url) const;
  [[nodiscard]] std::filesystem::path Path(const std::string& name) const { return folder / name; }
  [[nodiscard]] std::string Read(const std::string& name) const;
  void Write(const std::string& name, std::string_view content) const;

  FakeDaemon daemon;
  std::filesystem::path folder;
  Surroundings surroundings;
  Serve serve = [](const ServeRequest&) { return 99; };
  std::string out;
  std::string err;
};

// An address at which nobody listens.
[[nodiscard]] std::string DeadUrl();
// A WAV of so many frames (16-bit mono); `streamed`: without sizes in the header.
[[nodiscard]] std::string SomeWav(int sample_rate, std::size_t frames, bool streamed);

}  // namespace hostler::cli
