// The server that a command talks to: which one it is, and calls to it.
//
// Owner: one command. Main thread only; the Task forms run on the session's loop.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cli/context.h"
#include "cli/session.h"
#include "http/client.h"

namespace hostler::cli {

struct Target {
  http::Endpoint endpoint;
  std::string url;
  bool named = false;          // by --server or $HOSTLER_SERVER
  std::filesystem::path home;  // of the daemon that was found running; else empty
};

// --server, else $HOSTLER_SERVER, else HOME/run/daemon.json if the process it names lives, else http://127.0.0.1:8100.
[[nodiscard]] Result<Target> ChooseServer(const Context& context);

[[nodiscard]] Result<Target> TargetOf(std::string url);

// What the server said as an Error: from its {"error":{…}}, or from the status alone.
[[nodiscard]] Error ErrorOf(unsigned status, std::string_view body);

// Nobody listens at `target`: exit code 3.
[[nodiscard]] Error NoServer(const Target& target, const Error& why);

class Api {
 public:
  Api(Session& session, Target target) : session_(session), target_(std::move(target)) {}

  // The whole answer if its status is 2xx, else the server's error.
  [[nodiscard]] Result<http::Response> Call(http::Request request);
  [[nodiscard]] Result<std::string> Get(std::string target);
  [[nodiscard]] Result<std::string> Post(std::string target, std::string json_body);

  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] const Target& target() const { return target_; }

 private:
  Session& session_;
  const Target target_;
};

// A request that anybody on the session's loop can send.
[[nodiscard]] http::Request JsonRequest(std::string target, std::string json_body);

// Opens an answer that is read piece by piece; errors as Api::Call.
[[nodiscard]] Task<Result<std::unique_ptr<http::Reply>>> OpenReply(http::Client& client, const Target& target,
                                                                   http::Request request);

// The answer as T; fields that are new to us are passed over. kUpstream if it is something else altogether.
template <class T>
[[nodiscard]] Result<T> Read(std::string_view body) {
  auto parsed = json::Parse<T>(body, json::Unknown::kIgnore);
  if (!parsed) {
    return Fail(Error{Code::kUpstream,
                      "the server's answer cannot be read: " + parsed.error().Text(),
                      "Is that a hostler server, of the same version?",
                      {},
                      {}});
  }
  return std::move(*parsed);
}

}  // namespace hostler::cli
