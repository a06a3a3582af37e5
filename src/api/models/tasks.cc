#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "api/models/routes.h"
#include "api/models/task.h"
#include "http/sse.h"

namespace hostler::api::models {
namespace {

struct TaskList {
  std::vector<TaskBody> tasks;  // newest first
};
BOOST_DESCRIBE_STRUCT(TaskList, (), (tasks))

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::string_view("0123456789abcdefABCDEF").find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

Result<std::string> TaskId(http::Exchange& exchange) {
  std::string id = exchange.param("task_id");
  if (IsUuid(id)) return Lower(id);
  return Fail(Error{Code::kInvalid, fmt::format("\"{}\" is no task id", Clip(id, 100)),
                    "It is the UUID that starting the task answered.", "task_id", "validation_error"});
}

Task<Result<TaskBody>> Get(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const std::string id, TaskId(exchange));
  co_await house.tasks.Ready();
  HOSTLER_CO_TRY(const tasks::Record record, house.tasks.Get(id));
  co_return BodyOf(record);
}

Task<Result<TaskList>> List(app::House& house, http::Exchange&) {
  co_await house.tasks.Ready();
  TaskList list;
  for (const tasks::Record& record : house.tasks.List()) list.tasks.push_back(BodyOf(record));
  co_return list;
}

Task<Result<TaskBody>> Cancel(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const std::string id, TaskId(exchange));
  co_await house.tasks.Ready();
  HOSTLER_CO_TRY(const tasks::Record record, co_await house.tasks.Cancel(id));
  co_return BodyOf(record);
}

// One task's changes. It begins with how the task stands, or behind Last-Event-ID, and ends with the task.
class Following {
 public:
  Following(app::House& house, http::Exchange& exchange, std::string id)
      : house_(house), ring_(house.tasks.ring()), exchange_(exchange), id_(std::move(id)), cursor_(ring_.end()) {}

  Task<Result<>> Run() {
    HOSTLER_CO_TRY(const tasks::Record now, house_.tasks.Get(id_));
    co_await exchange_.Start(200,
                             {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
    std::string text = ": hostler\n\n";
    if (const auto seen = Seen()) {
      cursor_ = *seen + 1;
    } else {
      ended_ = tasks::IsFinished(now.status);
      text += Event(cursor_ - 1, now);
    }
    co_await exchange_.Write(text);
    while (!ended_ && exchange_.method() != http::Method::kHead) {
      if (const std::string news = Gather(); !news.empty()) {
        co_await exchange_.Write(news);
        continue;
      }
      OneShot<bool> rung(exchange_.executor());
      ring_.Notify(cursor_, rung.promise());
      if (house_.closing) break;  // after Notify: who sets it rings afterwards
      if (!co_await rung.WaitUntil(Clock::now() + kHeartbeat)) co_await exchange_.Write(": still here\n\n");
    }
    co_await exchange_.Finish();
    co_return Result<>{};
  }

 private:
  static constexpr Clock::duration kHeartbeat = std::chrono::seconds(15);
  static constexpr std::size_t kBatch = 200;

  // The id that the client saw last, if what came after it is still there.
  [[nodiscard]] std::optional<std::uint64_t> Seen() const {
    std::string text(exchange_.headers().Get("Last-Event-ID"));
    if (text.empty()) text = exchange_.query().Get("after").value_or("");
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || id >= cursor_) return std::nullopt;
    const auto batch = ring_.Read(id + 1);
    const bool of_task =
        std::any_of(batch.entries.begin(), batch.entries.end(), [&](const auto& item) { return item.entry->id == id_; });
    // Nothing of this task came after it: how it stands is all there is to tell.
    return batch.lost > 0 || !of_task ? std::nullopt : std::optional(id);
  }

  [[nodiscard]] static std::string Event(std::uint64_t id, const tasks::Record& record) {
    return http::FormatSse({"task", std::to_string(id), json::ToJson(BodyOf(record))});
  }

  std::string Gather() {
    std::string text;
    auto batch = ring_.Read(cursor_, kBatch);
    if (batch.lost > 0) text += http::FormatSse({"lost", {}, fmt::format(R"({{"topic":"task","count":{}}})", batch.lost)});
    cursor_ = batch.next;
    for (const auto& item : batch.entries) {
      if (item.entry->id != id_) continue;
      text += Event(item.id, *item.entry);
      ended_ = tasks::IsFinished(item.entry->status);
    }
    return text;
  }

  app::House& house_;
  events::Ring<tasks::Record>& ring_;
  http::Exchange& exchange_;
  const std::string id_;
  std::uint64_t cursor_;  // taken before the task's state is read, so that nothing is missed in between
  bool ended_ = false;
};

Task<Result<>> Events(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(std::string id, TaskId(exchange));
  co_await house.tasks.Ready();
  Following following(house, exchange, std::move(id));
  co_return co_await following.Run();
}

}  // namespace

void AddTasks(Door& door) {
  door.Get("/api/v2/models/tasks", {"Downloads, deletions and checks, newest first", "Models"}, List);
  door.Get("/api/v2/models/tasks/{task_id}", {"How a task stands", "Models"}, Get);
  door.Delete("/api/v2/models/tasks/{task_id}", {"Cancel a task; what was downloaded stays and can be continued", "Models"},
              Cancel);
  door.Raw(http::Method::kGet, "/api/v2/models/tasks/{task_id}/events",
           {"A task's changes as events; continues from Last-Event-ID and ends with the task",
            "Models",
            {"after"},
            "text/event-stream"},
           Events);
}

}  // namespace hostler::api::models
