// Asynchronous calls made to wait: a loop that runs on the calling thread while there is something to wait for, and Ctrl-C.
//
// Owner: one command. Main thread only. While a Session lives, SIGINT and SIGTERM cancel what Wait() waits for.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/signal_set.hpp>

#include "async/task.h"
#include "base/result.h"
#include "http/client.h"

namespace hostler::cli {

class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Runs the task to its end. kCancelled if Ctrl-C came, now or before. The task may use what lives until this returns.
  template <class T>
  [[nodiscard]] Result<T> Wait(Task<Result<T>> task) {
    if (interrupted_) return Interrupted();
    std::optional<Result<T>> result;
    boost::asio::co_spawn(
        loop_.executor(), std::move(task),
        boost::asio::bind_cancellation_slot(cancel_.slot(), [&](const std::exception_ptr& thrown, Result<T> value) {
          EndOnBug(thrown);
          if (!thrown) result.emplace(std::move(value));
          loop_.Stop();
        }));
    Run();
    if (!result || interrupted_) return Interrupted();
    return std::move(*result);
  }

  [[nodiscard]] http::Client& client() { return *client_; }
  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  void Run();
  void Listen();
  [[nodiscard]] static std::unexpected<Error> Interrupted() { return Fail(Code::kCancelled, "interrupted"); }

  Loop loop_{"hostler"};
  boost::asio::signal_set signals_;
  boost::asio::cancellation_signal cancel_;
  std::unique_ptr<http::Client> client_;
  bool interrupted_ = false;
};

}  // namespace hostler::cli
