// The log: one ring of lines that anybody can follow, and standard error. Format as in spec/engines.md:
//   2026-01-15 10:30:45,123 | INFO | Loading model: kokoro
//
// Owner: hostlerd, an engine, or a test; rooms get a reference. Threads: any.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/result.h"
#include "events/ring.h"

namespace spdlog {
class logger;
}

namespace hostler::log {

enum class Level { kDebug, kInfo, kWarning, kError, kCritical };

[[nodiscard]] std::string_view LevelName(Level level);          // "INFO"
[[nodiscard]] Result<Level> ParseLevel(std::string_view name);  // any case; WARN is WARNING

struct Line {
  WallClock::time_point time;
  Level level = Level::kInfo;
  std::string source;                      // "hostler", or the model whose engine wrote it
  std::string message;                     // one line, valid UTF-8
  [[nodiscard]] std::string Text() const;  // in the format above
};

class Log {
 public:
  static constexpr std::size_t kCapacity = 10'000;  // lines

  // `to_stderr`: also written to standard error (by spdlog, one write per line).
  Log(std::string source, Level threshold, bool to_stderr);
  ~Log();

  template <class... Args>
  void Debug(fmt::format_string<Args...> text, Args&&... args) {
    Write(Level::kDebug, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void Info(fmt::format_string<Args...> text, Args&&... args) {
    Write(Level::kInfo, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void Warning(fmt::format_string<Args...> text, Args&&... args) {
    Write(Level::kWarning, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void Error(fmt::format_string<Args...> text, Args&&... args) {
    Write(Level::kError, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void Critical(fmt::format_string<Args...> text, Args&&... args) {
    Write(Level::kCritical, text, std::forward<Args>(args)...);
  }

  // A line that somebody else wrote (an engine), with its own time and source. Below the threshold it is dropped.
  void Append(Line line);

  void SetThreshold(Level threshold) { threshold_.store(threshold, std::memory_order_relaxed); }
  [[nodiscard]] Level threshold() const { return threshold_.load(std::memory_order_relaxed); }
  [[nodiscard]] events::Ring<Line>& ring() { return ring_; }

 private:
  template <class... Args>
  void Write(Level level, fmt::format_string<Args...> text, Args&&... args) {
    if (level >= threshold()) Append(Line{WallClock::now(), level, source_, fmt::format(text, std::forward<Args>(args)...)});
  }

  const std::string source_;
  std::atomic<Level> threshold_;
  events::Ring<Line> ring_{kCapacity};
  std::shared_ptr<spdlog::logger> stderr_;
};

}  // namespace hostler::log
