#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/occasion.h"
#include "cli/task.h"

namespace hostler::cli {
namespace {

struct DownloadRequest {
  std::string model_id;
  std::optional<std::string> revision;
  std::optional<std::vector<std::string>> include;
  std::optional<std::vector<std::string>> exclude;
  std::optional<bool> allow_unmanaged;
};
BOOST_DESCRIBE_STRUCT(DownloadRequest, (), (model_id, revision, include, exclude, allow_unmanaged))
struct LimitRequest {
  std::string limit;
};
BOOST_DESCRIBE_STRUCT(LimitRequest, (), (limit))
struct VerifyRequest {
  std::string model_id;
  std::optional<std::string> revision;
  std::optional<bool> allow_unmanaged;
  std::optional<bool> repair;
};
BOOST_DESCRIBE_STRUCT(VerifyRequest, (), (model_id, revision, allow_unmanaged, repair))

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}
std::optional<std::vector<std::string>> Given(const std::vector<std::string>& list) {
  return list.empty() ? std::nullopt : std::optional(list);
}

void PrintTask(const Context& context, const TaskRow& task) {
  if (context.json()) context.OutLine(json::ToJson(task));
}

// What was there already is told, too: a person wants to know that nothing had to be done.
Result<int> NothingToDo(const Context& context, const TaskStart& start, const std::string& body, std::string_view what) {
  if (context.json())
    context.OutLine(body);
  else
    context.OutLine(fmt::format("{} {}", Printable(start.model_id), what));
  return kExitOk;
}

// Ctrl-C stops the download, not only the watching: another program may want the line.
Result<int> Stop(const Context& context, const Target& target, const TaskStart& start, const std::string& again) {
  Session session;
  const auto cancelled = Cancel(session, target, *start.task_id.value);
  if (!cancelled) context.Report(cancelled.error());
  context.Note(fmt::format("stopped; `{}` continues where it was", again));
  return kExitInterrupted;
}

std::string Again(const PullOptions& options) {
  std::string line = "hostler pull " + options.repo;
  if (!options.revision.empty()) line += " --revision " + options.revision;
  for (const std::string& pattern : options.include) line += " --include '" + pattern + "'";
  for (const std::string& pattern : options.exclude) line += " --exclude '" + pattern + "'";
  if (options.unmanaged) line += " --unmanaged";
  return line;
}

Result<TaskStart> Begin(const Context& context, Session& session, const Target& target, const PullOptions& options,
                        std::string& body) {
  Api api(session, target);
  if (!options.limit.empty()) {
    HOSTLER_OK(api.Post("/api/v2/models/limit", json::ToJson(LimitRequest{options.limit})));
    context.Note(fmt::format("all downloads of this server together: {}", options.limit));
  }
  const DownloadRequest request{options.repo, Given(options.revision), Given(options.include), Given(options.exclude),
                                options.unmanaged ? std::optional(true) : std::nullopt};
  HOSTLER_TRY(body, api.Post("/api/v2/models/download", json::ToJson(request)));
  return Read<TaskStart>(body);
}

}  // namespace

Result<int> RunPull(const Context& context, const PullOptions& options) {
  std::unique_ptr<Occasion> occasion;
  TaskStart start;
  {
    Session session;
    HOSTLER_TRY(occasion, Occasion::Find(context, session));
    std::string body;
    HOSTLER_TRY(start, Begin(context, session, occasion->target(), options, body));
    if (!start.task_id.value) return NothingToDo(context, start, body, "is complete already");
    if (start.outcome.value == "joined") context.Note("it is being downloaded already; following that");
    const auto task = Follow(context, session, occasion->target(), *start.task_id.value);
    if (task) {
      PrintTask(context, *task);
      HOSTLER_OK(Outcome(*task));
      if (!context.json())
        context.OutLine(
            fmt::format("{} is complete: {}", Printable(task->model_id), HumanBytes(static_cast<double>(task->bytes_total))));
      return kExitOk;
    }
    if (!session.interrupted()) return std::unexpected(task.error());
  }
  return Stop(context, occasion->target(), start, Again(options));
}

Result<int> RunVerify(const Context& context, const VerifyOptions& options) {
  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  const VerifyRequest request{options.repo, Given(options.revision), options.unmanaged ? std::optional(true) : std::nullopt,
                              options.repair ? std::optional(true) : std::nullopt};
  HOSTLER_TRY(const std::string body, Api(session, occasion->target()).Post("/api/v2/models/verify", json::ToJson(request)));
  HOSTLER_TRY(const TaskStart start, Read<TaskStart>(body));
  if (!start.task_id.value) return Fail(Code::kUpstream, "the server began no task", "Is it of the same version?");
  HOSTLER_TRY(const TaskRow task, Follow(context, session, occasion->target(), *start.task_id.value));
  PrintTask(context, task);
  HOSTLER_OK(Outcome(task));
  if (task.status == "not_installed") {
    return Fail(Error{
        Code::kNotFound, Printable(options.repo) + " is not in the cache", "`hostler pull` fetches it.", {}, "not_installed"});
  }
  if (!context.json())
    context.OutLine(fmt::format("{} is as it should be: {} in {} files", Printable(task.model_id),
                                HumanBytes(static_cast<double>(task.bytes_total)), task.files_total.value.value_or(0)));
  return kExitOk;
}

}  // namespace hostler::cli
