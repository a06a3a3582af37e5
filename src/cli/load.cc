// Loading and putting away, with what can be seen meanwhile: a download, and how far the load is.
#include <fmt/format.h>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/shapes.h"
#include "cli/table.h"
#include "cli/task.h"
#include "http/sse.h"

namespace hostler::cli {
namespace {

struct LoadProgress {
  std::string model;
  std::string stage;
  json::Nullable<double> fraction;
};
BOOST_DESCRIBE_STRUCT(LoadProgress, (), (model, stage, fraction))

Task<Result<std::string>> Load(http::Client& client, Target target, std::string model) {
  http::Request request = JsonRequest("/models/load", json::ToJson(ModelRequest{std::move(model)}));
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  co_return co_await reply->ReadAll(1 << 20);
}

void Show(const Context& context, TaskTeller& teller, const std::string& model, const http::SseEvent& event) {
  if (event.event == "task") {
    const auto task = json::Parse<TaskRow>(event.data, json::Unknown::kIgnore);
    if (task && task->model_id == model && task->operation == "download" && !IsFinished(*task)) teller.Show(*task);
  } else if (event.event == "progress") {
    const auto progress = json::Parse<LoadProgress>(event.data, json::Unknown::kIgnore);
    if (!progress || progress->model != model) return;
    const auto& fraction = progress->fraction.value;
    context.Progress(fmt::format("loading {}: {}{}", Printable(model), Printable(progress->stage),
                                 fraction ? fmt::format(" {:.0f}%", 100 * *fraction) : ""));
  }
}

// Shows what the server says about the model until it is no longer waited for. Nothing depends on it: what goes wrong here is
// told by the load itself.
Task<> Watch(const Context& context, http::Client& client, Target target, std::string model) {
  http::Request request;
  request.target = "/events?topics=task,progress";
  request.headers.Set("Accept", "text/event-stream");
  TaskTeller teller(context);
  http::SseParser parser;
  const auto reply = co_await OpenReply(client, target, std::move(request));
  while (reply) {
    const auto piece = co_await (*reply)->ReadSome();
    const auto show = [&](const http::SseEvent& event) { Show(context, teller, model, event); };
    if (!piece || piece->empty() || !parser.Feed(*piece, show)) break;
  }
  co_await SleepUntil(Clock::time_point::max());
}

Task<Result<std::string>> LoadWatched(const Context& context, http::Client& client, Target target, std::string model) {
  using boost::asio::experimental::awaitable_operators::operator||;
  try {
    auto done = co_await (Load(client, target, model) || Watch(context, client, target, model));
    co_return std::move(std::get<0>(done));
  } catch (const boost::asio::multiple_exceptions& both) {  // Ctrl-C ends both
    std::rethrow_exception(both.first_exception());
  }
}

// "12.3 MB → 41.0 MB (+28.7 MB)"
std::string Change(const json::Nullable<double>& before, const json::Nullable<double>& after) {
  if (!before.value || !after.value) return "memory unknown";
  return fmt::format("{} → {} ({:+.1f} MB)", Megabytes(before), Megabytes(after), *after.value - *before.value);
}

}  // namespace

Result<int> RunLoad(const Context& context, const ModelOptions& options) {
  Session session;
  HOSTLER_TRY(const Target target, ChooseServer(context));
  context.Progress(fmt::format("loading {} …", options.model));
  auto body = session.Wait(LoadWatched(context, session.client(), target, options.model));
  context.EndProgress();
  if (!body) return std::unexpected(std::move(body).error());
  HOSTLER_TRY(const LoadReply reply, Read<LoadReply>(*body));
  if (context.json())
    context.OutLine(*body);
  else if (reply.outcome.value == "already_loaded")
    context.OutLine(Printable(reply.model_id) + " was loaded already");
  else
    context.OutLine(fmt::format("{} loaded in {:.2f} s: {}", Printable(reply.model_id), reply.load_time_s.value.value_or(0),
                                Change(reply.memory_before_mb, reply.memory_after_mb)));
  return 0;
}

Result<int> RunUnload(const Context& context, const ModelOptions& options) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  context.Progress(fmt::format("unloading {} …", options.model));
  auto body = Api(session, std::move(target)).Post("/models/unload", json::ToJson(ModelRequest{options.model}));
  context.EndProgress();
  if (!body) return std::unexpected(std::move(body).error());
  HOSTLER_TRY(const UnloadReply reply, Read<UnloadReply>(*body));
  const std::string& outcome = reply.outcome.value.value_or("");
  if (context.json())
    context.OutLine(*body);
  else if (outcome.starts_with("already") || outcome == "not_loaded")
    context.OutLine(Printable(reply.model_id) + " was not loaded");
  else
    context.OutLine(fmt::format("{} unloaded in {:.2f} s: {}", Printable(reply.model_id), reply.unload_time_s.value.value_or(0),
                                Change(reply.memory_before_mb, reply.memory_after_mb)));
  return 0;
}

}  // namespace hostler::cli
