// What the tests of engines share: an engine served in this process, and a client for it or for any other.
//
// Owner: a test. Threads: the test's; the loops are inside.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "engine_sdk/service.h"
#include "http/client.h"
#include "http/server.h"
#include "http/sse.h"

namespace hostler::engine_sdk::testing {

// A folder that goes away with the test.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Runs a coroutine on `loop` and waits for its value.
template <class T>
T Await(Loop& loop, Task<T> task) {
  std::promise<T> promise;
  auto future = promise.get_future();
  boost::asio::co_spawn(loop.executor(), std::move(task), [&promise](const std::exception_ptr& thrown, T value) {
    if (thrown)
      promise.set_exception(thrown);
    else
      promise.set_value(std::move(value));
  });
  return future.get();
}

// A client with a loop of its own; calls wait.
class Caller {
 public:
  explicit Caller(http::Endpoint endpoint);
  ~Caller();

  [[nodiscard]] http::Response Send(http::Request request);
  [[nodiscard]] http::Response Get(std::string target, http::Headers headers = {});
  [[nodiscard]] http::Response Post(std::string target, std::string body, http::Headers headers = {});
  template <class T>
  [[nodiscard]] T As(const http::Response& response) {
    auto value = json::Parse<T>(response.body);
    if (!value) throw std::runtime_error(value.error().Text() + ": " + response.body);
    return *std::move(value);
  }
  // The error's code, or what came instead.
  [[nodiscard]] static std::string ErrorCode(const http::Response& response);

  // An answer that is read piece by piece; destroying it hangs up.
  class Stream {
   public:
    Stream(Caller& caller, std::unique_ptr<http::Reply> reply) : caller_(caller), reply_(std::move(reply)) {}
    Stream(Stream&&) = default;
    ~Stream() { HangUp(); }
    [[nodiscard]] unsigned status() const { return reply_->status(); }
    [[nodiscard]] const http::Headers& headers() const { return reply_->headers(); }
    // Empty at the end; throws the error's text if it was cut.
    [[nodiscard]] std::string Read();
    // The next server-sent event; throws at the end.
    [[nodiscard]] http::SseEvent ReadEvent();
    void HangUp();

   private:
    Caller& caller_;
    std::unique_ptr<http::Reply> reply_;
    http::SseParser parser_;
    std::vector<http::SseEvent> events_;
  };
  [[nodiscard]] Stream Open(http::Request request);

 private:
  const http::Endpoint endpoint_;
  Loop loop_{"caller"};
  std::unique_ptr<http::Client> client_;
};

// An engine behind a Unix socket, with its service on a loop of its own.
class Served {
 public:
  Served(std::unique_ptr<Engine> engine, std::optional<std::filesystem::path> base, log::Level level = log::Level::kDebug);
  ~Served();

  [[nodiscard]] http::Endpoint endpoint() const;
  [[nodiscard]] log::Log& log() { return log_; }
  [[nodiscard]] std::vector<std::string> LogLines();
  // Returns once a line that contains `text` is in the log.
  void AwaitLog(const std::string& text);
  // As on SIGTERM: refuses, waits, cancels at the deadline, unloads.
  void Leave(Clock::duration patience);
  [[nodiscard]] Service& service() { return service_; }
  [[nodiscard]] Loop& loop() { return loop_; }

 private:
  Task<bool> Leaving(Clock::time_point deadline);
  Task<bool> Awaiting(std::string text);

  TempFolder folder_;
  Loop loop_{"served"};  // before the log: its ring remembers waiters of this loop
  log::Log log_;
  const std::unique_ptr<Engine> engine_;
  Service service_;
  http::Server server_;
};

}  // namespace hostler::engine_sdk::testing
