#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/shapes.h"
#include "cli/table.h"
#include "http/sse.h"

namespace hostler::cli {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr auto kLongestPause = std::chrono::seconds(2);

Style StyleOf(const std::string& level) {
  if (level == "ERROR" || level == "CRITICAL") return Style::kBad;
  if (level == "WARNING") return Style::kWarning;
  return level == "DEBUG" ? Style::kDim : Style::kPlain;
}

void Print(const Context& context, const LogRow& row) {
  if (context.json()) {
    context.OutLine(json::ToJson(row));
    return;
  }
  const std::string source = row.source.value.value_or("");
  const std::string from =
      source.empty() || source == "hostler" ? "" : context.Paint(Style::kDim, "[" + Printable(source) + "] ");
  context.OutLine(fmt::format("{} | {} | {}{}", Printable(row.timestamp), context.Paint(StyleOf(row.level), Printable(row.level)),
                              from, Printable(row.message)));
}

std::string Query(const LogsOptions& options, bool with_limit) {
  std::string query;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name, PercentEncode(value));
  };
  if (with_limit) add("limit", std::to_string(std::max(1, options.lines)));
  add("level", options.level);
  add("source", options.source);
  add("q", options.text);
  return query;
}

// Where the reader is in the server's log.
struct Position {
  std::string last_id = "0";
  Clock::time_point connected;  // when the stream that was lost had begun
  bool was_connected = false;
};

Task<Result<Health>> AskHealth(http::Client& client, const Target& target) {
  http::Request request;
  request.target = "/health";
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  HOSTLER_CO_TRY(const std::string body, co_await reply->ReadAll(1 << 20));
  co_return Read<Health>(body);
}

// Reads events until the stream ends. Its end is no error: servers stop and start.
Task<Result<bool>> FollowStream(http::Client& client, const Target& target, const LogsOptions& options, const Context& context,
                                Position& position) {
  if (position.was_connected) {
    // The ids of a new server begin anew, so the old place in the log means nothing to it.
    const double since = Seconds(Clock::now() - position.connected);
    HOSTLER_CO_TRY(const Health health, co_await AskHealth(client, target));
    const bool restarted = health.uptime_s < since;
    if (restarted) position.last_id = "0";
    context.Note(restarted ? "hostler: the server was restarted; following it" : "hostler: connected again");
  }
  http::Request request;
  request.target = "/logs/stream" + Query(options, false);
  request.headers.Set("Accept", "text/event-stream");
  request.headers.Set("Last-Event-ID", position.last_id);
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  position.was_connected = true;
  position.connected = Clock::now();
  http::SseParser parser;
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) {
    if (event.event == "lost") {
      if (const auto lost = json::Parse<Lost>(event.data, json::Unknown::kIgnore))
        context.Note(fmt::format("hostler: {} lines came faster than they could be read and are lost", lost->count));
      return;
    }
    if (!event.event.empty() && event.event != "log") return;
    const auto row = json::Parse<LogRow>(event.data, json::Unknown::kIgnore);
    if (!row) return;
    position.last_id = event.id.empty() ? std::to_string(row->id) : event.id;
    Print(context, *row);
  };
  for (;;) {
    const auto piece = co_await reply->ReadSome();
    if (!piece || piece->empty()) co_return true;
    if (!parser.Feed(*piece, on_event))
      co_return Fail(Code::kUpstream, "the server sent an endless line", "Is that a hostler server?");
  }
}

Task<Result<bool>> Pause(Clock::duration duration) {
  co_await Sleep(duration);
  co_return true;
}

// Worth another try: the server is away, or on its way out or in.
bool MayComeBack(const Error& error) {
  return error.name == kNoServer || error.code == Code::kUnavailable || error.code == Code::kTimeout ||
         (error.code == Code::kUpstream && error.name.empty());
}

Result<int> Follow(const Context& context, Session& session, const LogsOptions& options, Position position) {
  Clock::duration pause = kFirstPause;
  bool told = false;
  for (;;) {
    HOSTLER_TRY(const Target target, ChooseServer(context));  // a new daemon may listen elsewhere
    const auto before = position.connected;
    const auto followed = session.Wait(FollowStream(session.client(), target, options, context, position));
    if (position.connected != before) {
      pause = kFirstPause;
      told = false;
    }
    if (!followed && (!position.was_connected || !MayComeBack(followed.error()))) return std::unexpected(followed.error());
    if (!told) context.Note("hostler: the connection is lost; waiting for the server");
    told = true;
    HOSTLER_OK(session.Wait(Pause(pause)));
    pause = std::min<Clock::duration>(pause * 2, kLongestPause);
  }
}

}  // namespace

Result<int> RunLogs(const Context& context, const LogsOptions& options) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  HOSTLER_TRY(const std::string body, Api(session, std::move(target)).Get("/logs" + Query(options, true)));
  if (context.json() && !options.follow) {
    context.OutLine(body);
    return kExitOk;
  }
  HOSTLER_TRY(const LogList list, Read<LogList>(body));
  if (options.lines > 0) {
    for (const LogRow& row : list.logs) Print(context, row);
  }
  if (!options.follow) return kExitOk;
  Position position;
  if (!list.logs.empty()) position.last_id = std::to_string(list.logs.back().id);
  return Follow(context, session, options, std::move(position));
}

}  // namespace hostler::cli
