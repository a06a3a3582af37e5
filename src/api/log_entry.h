// A log line as the doors send it, and the filter that readers may set (?level=&source=&q=).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "http/http.h"
#include "log/log.h"
#include "wire/wire.h"

namespace hostler::api {

[[nodiscard]] wire::LogEntry EntryOf(std::uint64_t id, const log::Line& line);

[[nodiscard]] std::string LogJson(std::uint64_t id, const log::Line& line);

struct LogFilter {
  log::Level level = log::Level::kDebug;
  std::string source;  // empty: every
  std::string text;    // empty: every; else contained in the message, any case
  [[nodiscard]] bool Passes(const log::Line& line) const;
};
[[nodiscard]] Result<LogFilter> FilterOf(const http::Query& query);

}  // namespace hostler::api
