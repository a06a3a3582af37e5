// The engine under trial: its process and folders, if we start it, and requests to it.
//
// Owner: Conform(). Threads: one loop.
#pragma once

#include <map>
#include <optional>

#include "conform/conform.h"
#include "http/sse.h"
#include "os/process.h"
#include "wire/wire.h"

namespace hostler::conform {

// Names in the folders that are laid out for the trial.
inline constexpr std::string_view kBakedIn = "conform-baked-in";
inline constexpr std::string_view kLinked = "conform-linked";
inline constexpr std::string_view kDangling = "conform-dangling";
inline constexpr std::string_view kOutside = "conform-outside";

class Subject {
 public:
  Subject(Executor executor, const Options& options);
  ~Subject();
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  // Lays out the folders and starts the program; returns once it answers.
  [[nodiscard]] Task<Result<>> Start(std::filesystem::path program);
  void UseAddress(http::Endpoint address) { endpoint_ = std::move(address); }

  [[nodiscard]] bool started() const { return child_.has_value(); }
  [[nodiscard]] const std::filesystem::path& base() const { return base_; }

  // An answer, or status 0 with the reason as the body.
  [[nodiscard]] Task<http::Response> Ask(http::Method method, std::string target, std::string body = {},
                                         http::Headers headers = {});
  // The first piece of an answer; then we hang up.
  [[nodiscard]] Task<http::Response> AskAndLeave(std::string target, std::string body);
  // The first `count` events of a stream; then we hang up.
  [[nodiscard]] Task<std::vector<http::SseEvent>> Events(http::Method method, std::string target, std::string body,
                                                         http::Headers headers, std::size_t count);

  // SIGTERM; how it ended, or nullopt after ten seconds and a bit.
  [[nodiscard]] Task<std::optional<os::Exit>> Terminate();
  // What it wrote to standard output so far, at most some of it.
  [[nodiscard]] std::string StandardOutput() const;

 private:
  void Lend(const std::filesystem::path& folder, std::error_code& ec) const;
  Result<> LayOut();
  Task<Result<>> AwaitAnswer();
  [[nodiscard]] http::Request MakeRequest(http::Method method, std::string target, std::string body, http::Headers headers) const;

  const Executor executor_;
  const Options& options_;
  http::Client client_;
  http::Endpoint endpoint_;
  std::filesystem::path base_;
  std::optional<os::Child> child_;
  os::Descriptor output_;
};

}  // namespace hostler::conform
