#include "log/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/text.h"

namespace hostler::log {
namespace {

spdlog::level::level_enum SpdlogLevel(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
    case Level::kCritical: return spdlog::level::critical;
  }
  return spdlog::level::info;
}

// One line, and nothing in it that moves a terminal or breaks a JSON reader.
std::string Clean(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char c : Printable(text, "\n\t")) {
    if (c == '\n')
      clean += " / ";
    else
      clean += c == '\t' ? ' ' : c;
  }
  return clean;
}

constexpr std::size_t kLongestLine = 8192;  // bytes; an engine that babbles must not fill the ring with one line

}  // namespace

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug: return "DEBUG";
    case Level::kInfo: return "INFO";
    case Level::kWarning: return "WARNING";
    case Level::kError: return "ERROR";
    case Level::kCritical: return "CRITICAL";
  }
  return "INFO";
}

Result<Level> ParseLevel(std::string_view name) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError, Level::kCritical}) {
    if (EqualsIgnoringCase(name, LevelName(level))) return level;
  }
  if (EqualsIgnoringCase(name, "warn")) return Level::kWarning;
  return Fail(Code::kInvalid, fmt::format("unknown log level \"{}\"", name), "Use DEBUG, INFO, WARNING, ERROR or CRITICAL.");
}

std::string Line::Text() const {
  return fmt::format("{} | {} | {}", LogTime(time), LevelName(level), message);
}

Log::Log(std::string source, Level threshold, bool to_stderr) : source_(std::move(source)), threshold_(threshold) {
  if (!to_stderr) return;
  stderr_ = std::make_shared<spdlog::logger>(source_, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  stderr_->set_pattern("%v");
  stderr_->set_level(spdlog::level::trace);
}

Log::~Log() = default;

void Log::Append(Line line) {
  if (line.level < threshold()) return;
  line.message = Clean(Clip(line.message, kLongestLine));
  if (stderr_) {
    if (line.source == source_) {
      stderr_->log(SpdlogLevel(line.level), line.Text());
    } else {
      stderr_->log(SpdlogLevel(line.level),
                   fmt::format("{} | {} | [{}] {}", LogTime(line.time), LevelName(line.level), line.source, line.message));
    }
  }
  ring_.Append(std::move(line));
}

}  // namespace hostler::log
