#include "api/log_entry.h"

#include "base/text.h"

namespace hostler::api {

wire::LogEntry EntryOf(std::uint64_t id, const log::Line& line) {
  return {id, LogTime(line.time), std::string(log::LevelName(line.level)), line.message, line.source};
}

std::string LogJson(std::uint64_t id, const log::Line& line) {
  return json::ToJson(EntryOf(id, line));
}

bool LogFilter::Passes(const log::Line& line) const {
  if (line.level < level || (!source.empty() && line.source != source)) return false;
  return text.empty() || Lower(line.message).find(text) != std::string::npos;
}

Result<LogFilter> FilterOf(const http::Query& query) {
  LogFilter filter;
  if (const auto level = query.Get("level")) {
    auto parsed = log::ParseLevel(*level);
    if (!parsed) return std::unexpected(std::move(parsed.error()).At("level"));
    filter.level = *parsed;
  }
  filter.source = query.Get("source").value_or("");
  filter.text = Lower(query.Get("q").value_or(""));
  return filter;
}

}  // namespace hostler::api
