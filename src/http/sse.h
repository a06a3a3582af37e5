// Server-sent events, both sides (WHATWG HTML, section 9.2).
//
// Plain values; any thread. Streaming them is the Exchange's (server) or the Reply's (client) business.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hostler::http {

struct SseEvent {
  std::string event;  // empty: "message"
  std::string id;     // empty: none
  std::string data;   // may have several lines
};

// One event as text, ready to be written.
[[nodiscard]] std::string FormatSse(const SseEvent& event);

// Fed with pieces of any size; calls back once per whole event. A line longer than `limit` makes Feed return false.
class SseParser {
 public:
  explicit SseParser(std::size_t limit = 16 << 20) : limit_(limit) {}
  [[nodiscard]] bool Feed(std::string_view piece, const std::function<void(const SseEvent&)>& on_event);

 private:
  void Line(std::string_view line, const std::function<void(const SseEvent&)>& on_event);

  const std::size_t limit_;
  std::string pending_;
  SseEvent event_;
  bool has_data_ = false;
  bool skip_newline_ = false;
  bool first_ = true;
};

}  // namespace hostler::http
