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

// Control characters and broken UTF-8 would spoil a terminal and a JSON reader: they become visible characters.
std::string Clean(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  const bool valid = Utf8Length(text).has_value();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      clean += " / ";
    else if (c == '\t')
      clean += ' ';
    else if (byte < 0x20 || byte == 0x7F || (!valid && byte >= 0x80))
      clean += '?';
    else
      clean += c;
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
  line.message = Clean(line.message.size() > kLongestLine ? line.message.substr(0, kLongestLine) + " …" : line.message);
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
