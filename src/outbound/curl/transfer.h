// One libcurl transfer: set up from a request, its callbacks, and what its end means. Internal to hostler-outbound.so.
//
// Owner: Multi. Threads: Multi's own.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "outbound/transport.h"

namespace hostler::outbound {

class Transfer {
 public:
  Transfer(std::shared_ptr<Receiver> receiver, Request request, const std::string& user_agent);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_; }
  [[nodiscard]] const std::shared_ptr<Receiver>& receiver() const { return receiver_; }
  void Resume();
  // When nothing that comes before makes it a time-out; nullopt while the reader has to act.
  [[nodiscard]] std::optional<Clock::time_point> Deadline() const;
  [[nodiscard]] Failure TimedOut() const;
  // Nullopt: all is well.
  [[nodiscard]] std::optional<Failure> Explain(CURLcode code) const;

  bool fresh = false;  // bytes came in this round
  bool lull = false;   // OnLull() is owed

 private:
  static std::size_t OnHeader(char* bytes, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBytes(char* bytes, std::size_t size, std::size_t count, void* self);
  bool Header(std::string_view line);
  void HeadIsThere();
  void SetUp(const std::string& user_agent);
  [[nodiscard]] Failure Make(Trouble trouble, Code code, std::string_view what, std::string_view remedy) const;

  const std::shared_ptr<Receiver> receiver_;
  const Request request_;
  CURL* easy_;
  curl_slist* fields_ = nullptr;
  char reason_[CURL_ERROR_SIZE] = {};
  Head head_;
  std::size_t head_bytes_ = 0;
  bool head_given_ = false;
  bool head_too_large_ = false;
  bool paused_ = false;
  Clock::time_point last_sign_ = Clock::now();
};

}  // namespace hostler::outbound
