#include "api/events.h"
#include "api/log_entry.h"
#include "api/models/task.h"
#include "api/ops/routes.h"

namespace hostler::api::ops {
namespace {

struct ChangeEvent {
  std::uint64_t id = 0;
  std::string model;
  std::string state;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(ChangeEvent, (), (id, model, state, reason))

struct ProgressEvent {
  std::uint64_t id = 0;
  std::string model;
  std::string stage;
  json::Nullable<double> fraction;  // 0 to 1; null: not known
};
BOOST_DESCRIBE_STRUCT(ProgressEvent, (), (id, model, stage, fraction))

Result<bool> Wants(const std::optional<std::string>& asked, std::string_view topic) {
  if (!asked) return true;
  bool found = false;
  for (const std::string_view name : Split(*asked, ',')) {
    if (name != "log" && name != "state" && name != "progress" && name != "task") {
      return Fail(Error{Code::kInvalid,
                        "unknown topic \"" + std::string(name) + "\"",
                        "Use log, state, progress, task, or several with commas.",
                        "topics",
                        {}});
    }
    found |= name == topic;
  }
  return found;
}

bool IsProgress(const lifecycle::Change& change) {
  return change.kind == "progress";
}

bool IsState(const lifecycle::Change& change) {
  return !IsProgress(change);
}

std::string ChangeJson(std::uint64_t id, const lifecycle::Change& change) {
  if (IsProgress(change)) return json::ToJson(ProgressEvent{id, change.model, change.reason, change.fraction});
  return json::ToJson(ChangeEvent{id, change.model, change.kind, change.reason});
}

std::string TaskJson(std::uint64_t, const tasks::Record& record) {
  return json::ToJson(models::BodyOf(record));
}

Task<Result<>> Events(app::House& house, http::Exchange& exchange) {
  const auto asked = exchange.query().Get("topics");
  HOSTLER_CO_TRY(const LogFilter filter, FilterOf(exchange.query()));
  HOSTLER_CO_TRY(const bool wants_log, Wants(asked, "log"));
  HOSTLER_CO_TRY(const bool wants_state, Wants(asked, "state"));
  HOSTLER_CO_TRY(const bool wants_progress, Wants(asked, "progress"));
  HOSTLER_CO_TRY(const bool wants_task, Wants(asked, "task"));
  std::vector<std::unique_ptr<Topic>> topics;
  if (wants_log) {
    topics.push_back(
        MakeTopic<log::Line>("log", house.log.ring(), [filter](const log::Line& line) { return filter.Passes(line); }, LogJson));
  }
  if (wants_state) topics.push_back(MakeTopic<lifecycle::Change>("state", house.changes, IsState, ChangeJson));
  if (wants_progress) topics.push_back(MakeTopic<lifecycle::Change>("progress", house.changes, IsProgress, ChangeJson));
  if (wants_task)
    topics.push_back(MakeTopic<tasks::Record>("task", house.tasks.ring(), [](const tasks::Record&) { return true; }, TaskJson));
  co_return co_await StreamTopics(exchange, house.closing, std::move(topics));
}

}  // namespace

void AddEvents(Door& door) {
  door.Raw(http::Method::kGet, "/events",
           {"Everything that happens, on one connection; continues from Last-Event-ID",
            "Operations",
            {"topics", "level", "source", "q", "after"},
            "text/event-stream"},
           Events);
}

}  // namespace hostler::api::ops
