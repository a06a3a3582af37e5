#include <charconv>

#include <fmt/format.h>

#include "api/engine/routes.h"
#include "api/events.h"
#include "api/log_entry.h"

namespace hostler::api::engine {
namespace {

struct Cleared {
  std::string status;  // "cleared"
};
BOOST_DESCRIBE_STRUCT(Cleared, (), (status))

// ?limit=: the newest so many lines that pass the filter.
Result<std::size_t> LimitOf(const http::Query& query) {
  const auto text = query.Get("limit");
  if (!text) return log::Log::kCapacity;
  std::size_t limit = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (ec != std::errc() || end != text->data() + text->size() || limit == 0) {
    return Fail(Error{Code::kInvalid, fmt::format("\"{}\" is no number of lines", *text), "Use 1 to 10000.", "limit", {}});
  }
  return limit;
}

Task<Result<wire::LogList>> List(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const LogFilter filter, FilterOf(exchange.query()));
  HOSTLER_CO_TRY(const std::size_t limit, LimitOf(exchange.query()));
  wire::LogList list;
  for (const auto& [id, line, text] : house.log.ring().Read(0).entries) {
    if (filter.Passes(*line)) list.logs.push_back(EntryOf(id, *line));
  }
  if (list.logs.size() > limit) list.logs.erase(list.logs.begin(), list.logs.end() - static_cast<std::ptrdiff_t>(limit));
  co_return list;
}

Task<Result<>> Stream(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const LogFilter filter, FilterOf(exchange.query()));
  std::vector<std::unique_ptr<Topic>> topics;
  topics.push_back(
      MakeTopic<log::Line>("log", house.log.ring(), [filter](const log::Line& line) { return filter.Passes(line); }, LogJson));
  co_return co_await StreamTopics(exchange, house.closing, std::move(topics), EventNames::kNone);
}

Task<Result<Cleared>> Clear(app::House& house, http::Exchange&) {
  house.log.ring().Clear();
  co_return Cleared{"cleared"};
}

}  // namespace

void AddLogs(Door& door) {
  door.Get("/logs", {"The newest log lines, of hostler and of every engine", "Engine", {"limit", "level", "source", "q"}}, List);
  door.Raw(
      http::Method::kGet, "/logs/stream",
      {"Log lines as they come; continues from Last-Event-ID", "Engine", {"level", "source", "q", "after"}, "text/event-stream"},
      Stream);
  door.Post("/logs/clear", {"Forget the log lines that are kept", "Engine"}, Clear);
}

}  // namespace hostler::api::engine
