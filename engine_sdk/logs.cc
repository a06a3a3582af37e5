#include <charconv>

#include "engine_sdk/service.h"
#include "http/sse.h"

namespace hostler::engine_sdk {
namespace {

wire::LogEntry EntryOf(std::uint64_t id, const log::Line& line) {
  return {id, LogTime(line.time), std::string(log::LevelName(line.level)), line.message, line.source};
}

// Where a reader goes on: behind the last id that it saw, else with what comes from now on.
Result<std::uint64_t> CursorOf(const http::Exchange& exchange, std::uint64_t end) {
  const std::string_view last = exchange.headers().Get("Last-Event-ID");
  if (last.empty()) return end;
  std::uint64_t id = 0;
  const auto [rest, error] = std::from_chars(last.data(), last.data() + last.size(), id);
  if (error != std::errc{} || rest != last.data() + last.size()) {
    return Fail(Error{Code::kInvalid, fmt::format("\"{}\" is not the id of a log line", last),
                      "Send an id that this engine gave, or 0 for all lines."}
                    .At("Last-Event-ID"));
  }
  return std::min(id + 1, end);
}

}  // namespace

Task<> Service::Logs(http::Exchange& exchange) {
  wire::LogList list;
  for (const auto& [id, line, text] : log_.ring().Read(0).entries) list.logs.push_back(EntryOf(id, *line));
  co_await exchange.Send(http::JsonResponse(json::ToJson(list)));
}

Task<> Service::ClearLogs(http::Exchange& exchange) {
  log_.ring().Clear();
  co_await exchange.Send(http::JsonResponse(R"({"status":"cleared"})"));
}

// Returns when a line may be there, or when the streams are to end.
Task<> Service::News(http::Exchange& exchange, std::uint64_t cursor) {
  OneShot<bool> rung(exchange.executor());
  log_.ring().Notify(cursor, rung.promise());
  co_await rung.Wait();
}

Task<> Service::LogStream(http::Exchange& exchange) {
  const auto from = CursorOf(exchange, log_.ring().end());
  if (!from) {
    co_await SendError(exchange, from.error());
    co_return;
  }
  std::uint64_t cursor = *from;
  co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
  co_await exchange.Write(": log\n\n");
  while (exchange.method() != http::Method::kHead) {
    const bool last = streams_end_;
    const auto batch = log_.ring().Read(cursor, 256);
    std::string text;
    if (batch.lost > 0) text += http::FormatSse({"lost", "", fmt::format("{{\"count\":{}}}", batch.lost)});
    for (const auto& [id, line, kept] : batch.entries)
      text += http::FormatSse({"", std::to_string(id), json::ToJson(EntryOf(id, *line))});
    cursor = batch.next;
    if (!text.empty())
      co_await exchange.Write(text);
    else if (last)
      break;
    else
      co_await News(exchange, cursor);
  }
  co_await exchange.Finish();
}

}  // namespace hostler::engine_sdk
