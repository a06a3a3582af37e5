// The engine protocol over HTTP: one handler for every route of spec/engines.md.
//
// Owner: RunEngine, or a test. Threads: the loop only, unless said otherwise.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "engine_sdk/engine.h"
#include "engine_sdk/folders.h"
#include "engine_sdk/registry.h"
#include "http/multipart.h"
#include "http/router.h"
#include "http/server.h"

namespace hostler::engine_sdk {

// For engines that exist to misbehave. `before` sees every request first and returns true if it has answered it; `started`
// is called once the engine listens.
struct Hooks {
  std::function<Task<bool>(http::Exchange&)> before;
  std::function<void()> started;
};

// Fetches the bytes of a recording. Runs on a worker: a large upload lies in a file.
using AudioSource = std::function<Result<std::string>()>;

class Service {
 public:
  struct Options {
    std::optional<std::filesystem::path> base;  // nullopt: no folders
    int threads = 1;
    Hooks hooks;
  };
  Service(Loop& loop, Engine& engine, log::Log& log, Options options);
  ~Service();  // waits for the models' threads
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Makes and links the folders. Any thread, before the first request.
  void Prepare() { folders_.Prepare(); }

  [[nodiscard]] http::Handler handler();
  // Formats an error as the protocol does; for the server's own errors too.
  [[nodiscard]] static http::Response ErrorResponse(unsigned status, const Error& error);

  // From now on, new work is refused.
  void Refuse();
  // Waits until no work runs, until `deadline`, then cancels the rest and unloads every model.
  [[nodiscard]] Task<> Leave(Clock::time_point deadline);
  // Ends the log streams, which otherwise never end.
  void EndStreams();

 private:
  class Working;  // counts a piece of work, from its request to its answer

  Task<> Dispatch(http::Exchange& exchange);
  Task<> SendError(http::Exchange& exchange, Error error);
  static Task<> SendEvent(http::Exchange& exchange, std::string event, std::string data);

  Task<> Health(http::Exchange& exchange);
  Task<> Models(http::Exchange& exchange);
  Task<> Load(http::Exchange& exchange);
  Task<> LoadAsEvents(http::Exchange& exchange, wire::LoadRequest request);
  Task<> Unload(http::Exchange& exchange);
  Task<> Voices(http::Exchange& exchange);
  Task<> Capabilities(http::Exchange& exchange);

  // speech.cc
  Task<> Control(http::Exchange& exchange);
  Task<> Clone(http::Exchange& exchange);
  Task<> Design(http::Exchange& exchange);
  using Speak = std::function<Result<>(Model&, AudioSink&, std::stop_token)>;
  Task<> Generate(http::Exchange& exchange, std::string what, std::optional<std::string> model_id, std::string text, Speak speak);
  Task<> SendPcm(http::Exchange& exchange, Job& job, Pipe::Piece piece);
  Task<> SendWav(http::Exchange& exchange, Job& job, Pipe::Piece piece);

  // hearing.cc
  struct Hearing {
    std::string name;  // "Transcription", for the log
    std::string verb;  // "transcribe"
    std::optional<std::string> model_id;
    AudioSource audio;
    bool as_events = false;
    bool (*can)(const wire::Capabilities&) = nullptr;
    // On the model's thread: the document that is the answer; may write events before it.
    std::function<Result<std::string>(Model&, const Recording&, Pipe&, std::stop_token)> work;
  };
  Task<> Transcribe(http::Exchange& exchange);
  Task<> Diarize(http::Exchange& exchange);
  Task<> Hear(http::Exchange& exchange, Hearing hearing);
  Task<> SendDocument(http::Exchange& exchange, Job& job);
  Task<> SendSegments(http::Exchange& exchange, Job& job);

  // vectors.cc
  Task<> Embed(http::Exchange& exchange);
  Task<> Rerank(http::Exchange& exchange);
  Task<> Sparse(http::Exchange& exchange);
  template <class Verb>
  Task<> Measure(http::Exchange& exchange);

  // logs.cc
  Task<> Logs(http::Exchange& exchange);
  Task<> News(http::Exchange& exchange, std::uint64_t cursor);
  Task<> LogStream(http::Exchange& exchange);
  Task<> ClearLogs(http::Exchange& exchange);

  Loop& loop_;
  Engine& engine_;
  log::Log& log_;
  const Hooks hooks_;
  const Clock::time_point start_ = Clock::now();
  Folders folders_;
  Registry registry_;
  http::Router router_;
  http::Handler routed_;
  bool refusing_ = false;
  bool streams_end_ = false;
  std::set<Working*> working_;
  events::Bell idle_;
};

// Submits `job` and takes it back when the request goes away, whatever the reason.
class Submitted {
 public:
  Submitted(std::shared_ptr<Runner> runner, std::shared_ptr<Job> job, std::stop_token gone, log::Log& log);
  ~Submitted();
  Submitted(const Submitted&) = delete;
  Submitted& operator=(const Submitted&) = delete;
  [[nodiscard]] const Result<>& result() const { return result_; }

 private:
  log::Log& log_;
  const std::shared_ptr<Runner> runner_;
  const std::shared_ptr<Job> job_;
  std::stop_callback<std::function<void()>> gone_;
  Result<> result_;
};

// An Accept field that names `type`.
[[nodiscard]] bool Accepts(const http::Exchange& exchange, std::string_view type);

// Asking otherwise would have worked.
[[nodiscard]] inline bool IsClientsFault(const Error& error) {
  return error.code == Code::kInvalid || error.code == Code::kNotFound || error.code == Code::kUnsupported;
}

// The body as a struct; unknown fields are errors.
template <class T>
[[nodiscard]] Task<Result<T>> ReadJson(http::Exchange& exchange, std::uint64_t limit = 4 << 20) {
  HOSTLER_CO_TRY(const std::string body, co_await exchange.ReadBody(limit));
  if (Trim(body).empty()) co_return Fail(Code::kInvalid, "the request has no body", "Send a JSON object.");
  co_return json::Parse<T>(body);
}

// `check` of the value, or the error that is there instead of it.
template <class T, class F>
[[nodiscard]] Result<> Checked(const Result<T>& value, F&& check) {
  if (!value) return Fail(value.error());
  return std::forward<F>(check)(*value);
}

}  // namespace hostler::engine_sdk
