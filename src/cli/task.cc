#include "cli/task.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "http/sse.h"

namespace hostler::cli {
namespace {

constexpr std::size_t kShownFiles = 8;

std::string Bytes(std::uint64_t bytes) {
  return HumanBytes(static_cast<double>(bytes));
}

// "████████░░░░", or a blank frame while the total is not known.
std::string Bar(std::uint64_t done, std::uint64_t total, std::size_t cells) {
  std::string bar;
  const std::size_t full = total == 0
                               ? 0
                               : std::min(cells, static_cast<std::size_t>(static_cast<double>(done) / static_cast<double>(total) *
                                                                          static_cast<double>(cells)));
  for (std::size_t i = 0; i < cells; ++i) bar += i < full ? "█" : "░";
  return bar;
}

std::string Percent(std::uint64_t done, std::uint64_t total) {
  return total == 0 ? "   -" : fmt::format("{:>3}%", done * 100 / total);  // rounded down: 100% means all of it
}

std::string FileLine(const TaskFile& file, std::size_t width) {
  const std::string name = CutTo(Printable(file.name), width);
  const std::string padding(width - std::min(width, DisplayWidth(name)), ' ');
  if (file.state == "downloading")
    return fmt::format("  {}{}  {} {} {} of {}", name, padding, Bar(file.bytes, file.size, 20), Percent(file.bytes, file.size),
                       Bytes(file.bytes), Bytes(file.size));
  const std::string state = file.state == "locked" ? "another program downloads it" : file.state;
  return fmt::format("  {}{}  {} ({})", name, padding, state, Bytes(file.size));
}

std::string TotalLine(const TaskRow& task) {
  std::string line = fmt::format("{} {}", Printable(task.model_id), task.phase.value.value_or(task.status));
  if (task.bytes_total > 0)
    line += fmt::format("  {} {} {} of {}", Bar(task.bytes_downloaded, task.bytes_total, 20),
                        Percent(task.bytes_downloaded, task.bytes_total), Bytes(task.bytes_downloaded), Bytes(task.bytes_total));
  if (task.files_total.value.value_or(0) > 1)
    line += fmt::format(", {} of {} files", task.files_done.value.value_or(0), *task.files_total.value);
  if (task.speed_bytes_per_s) line += fmt::format(", {}/s", HumanBytes(*task.speed_bytes_per_s));
  if (task.eta_s && *task.eta_s >= 1) line += ", " + Span(*task.eta_s) + " left";
  if (task.next_attempt_at.value && task.last_problem.value)
    line = fmt::format("{} waits to try again: {}", Printable(task.model_id), Printable(*task.last_problem.value));
  return line;
}

std::string PlainPhase(const TaskRow& task) {
  std::string line = fmt::format("{}: {}", Printable(task.model_id), Printable(*task.phase.value));
  if (task.bytes_total > 0) line += fmt::format(", {} of {} there", Bytes(task.bytes_downloaded), Bytes(task.bytes_total));
  return line;
}

}  // namespace

void TaskTeller::Show(const TaskRow& task) {
  for (const std::string& warning : task.warnings) {
    if (told_.insert("w" + warning).second) context_.Note("  " + Printable(warning));
  }
  if (task.last_problem.value && task.next_attempt_at.value &&
      told_.insert(fmt::format("p{}{}", *task.next_attempt_at.value, *task.last_problem.value)).second &&
      !context_.shows_progress())
    context_.Note("  trying again: " + Printable(*task.last_problem.value));
  for (const TaskFile& file : task.files) {
    if (file.state == "done" && told_.insert("d" + file.name).second) Done(file);
  }
  if (context_.shows_progress()) return Draw(task);
  if (!task.phase.value.value_or("").empty() && told_.insert("s" + *task.phase.value).second) context_.Note(PlainPhase(task));
}

void TaskTeller::Done(const TaskFile& file) {
  context_.Note(fmt::format("  ✓ {} ({})", Printable(file.name), Bytes(file.size)));
}

void TaskTeller::Draw(const TaskRow& task) {
  std::vector<const TaskFile*> shown;
  std::size_t width = 0;
  for (const TaskFile& file : task.files) {
    if (file.state == "done" || file.state == "waiting" || shown.size() == kShownFiles) continue;
    shown.push_back(&file);
    width = std::max(width, DisplayWidth(Printable(file.name)));
  }
  std::vector<std::string> lines;
  for (const TaskFile* file : shown) lines.push_back(FileLine(*file, std::min<std::size_t>(width, 40)));
  lines.push_back(TotalLine(task));
  context_.ProgressBlock(lines);
}

namespace {

Task<Result<TaskRow>> FollowStream(http::Client& client, Target target, std::string task_id, TaskTeller& teller) {
  http::Request request;
  request.target = "/api/v2/models/tasks/" + task_id + "/events";
  request.headers.Set("Accept", "text/event-stream");
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  http::SseParser parser;
  std::optional<TaskRow> last;
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) {
    if (event.event != "task") return;
    auto task = json::Parse<TaskRow>(event.data, json::Unknown::kIgnore);
    if (!task) return;
    teller.Show(*task);
    last = std::move(*task);
  };
  for (;;) {
    const auto piece = co_await reply->ReadSome();
    if (!piece) co_return std::unexpected(piece.error());
    if (!piece->empty()) {
      if (!parser.Feed(*piece, on_event))
        co_return Fail(Code::kUpstream, "the server sent an endless line", "Is that a hostler server?");
      continue;
    }
    if (last && IsFinished(*last)) co_return std::move(*last);
    co_return Fail(Code::kUnavailable, "the server ended before the task did", "Start hostler again: it goes on where it was.");
  }
}

}  // namespace

bool IsFinished(const TaskRow& task) {
  return task.status == "completed" || task.status == "failed" || task.status == "cancelled" || task.status == "not_installed";
}

Result<TaskRow> Follow(const Context& context, Session& session, const Target& target, const std::string& task_id) {
  TaskTeller teller(context);
  auto task = session.Wait(FollowStream(session.client(), target, task_id, teller));
  context.EndProgress();
  return task;
}

namespace {

// The exit code tells what the same error would tell if a route had answered it.
Code CodeOf(std::string_view error_class) {
  if (error_class == "not_found") return Code::kNotFound;
  for (const std::string_view name : {"gated", "unauthorized", "disabled", "permission"}) {
    if (error_class == name) return Code::kForbidden;
  }
  for (const std::string_view name : {"offline", "disk_full", "rate_limited"}) {
    if (error_class == name) return Code::kUnavailable;
  }
  return Code::kUpstream;
}

}  // namespace

Result<> Outcome(const TaskRow& task) {
  if (task.status == "completed" || task.status == "not_installed") return {};
  if (task.status == "cancelled") {
    return Fail(Error{Code::kConflict,
                      fmt::format("the {} of {} was cancelled", task.operation, task.model_id),
                      "Start it again; what is there already is kept.",
                      {},
                      "cancelled"});
  }
  const std::string name = task.error_class.value.value_or("failed");
  return Fail(Error{CodeOf(name), task.error.value.value_or("it failed"), task.remedy.value.value_or(""), {}, name});
}

Result<TaskRow> Cancel(Session& session, const Target& target, const std::string& task_id) {
  http::Request request;
  request.method = http::Method::kDelete;
  request.target = "/api/v2/models/tasks/" + task_id;
  HOSTLER_TRY(const http::Response answer, Api(session, target).Call(std::move(request)));
  return Read<TaskRow>(answer.body);
}

}  // namespace hostler::cli
