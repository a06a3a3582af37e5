#include "cli/shelf.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/occasion.h"
#include "cli/table.h"
#include "cli/task.h"
#include "model/model.h"

namespace hostler::cli {
namespace {

std::string Bytes(std::uint64_t bytes) {
  return HumanBytes(static_cast<double>(bytes));
}

Cell StateCell(const CatalogueRow& row) {
  if (row.state == "loaded") return {"● loaded", Style::kGood};
  if (row.state == "loading") return {"◌ loading", Style::kWarning};
  if (row.is_installed) return {"○ downloaded", Style::kPlain};
  if (row.state == "downloading") return {"◌ downloading", Style::kWarning};
  if (row.resumable_bytes > 0) return {"◐ partly there", Style::kWarning};
  return {"- available", Style::kDim};
}

std::string SizeOf(const CatalogueRow& row) {
  if (row.is_installed) return Bytes(row.size_on_disk_bytes);
  if (row.resumable_bytes > 0) return Bytes(row.resumable_bytes) + " so far";
  return row.download_size_mb > 0 ? "~" + Bytes(row.download_size_mb << 20) : "-";
}

void PrintModels(const Context& context, const CatalogueList& list) {
  Table table({"MODEL", "TYPE", "STATE", ">SIZE", "RUNS", "DESCRIPTION"});
  for (const CatalogueRow& row : list.models) {
    const std::string note = row.description + (row.gated ? " (terms to accept first)" : "");
    table.Add({Cell(row.id, Style::kStrong), row.model_type, StateCell(row), SizeOf(row),
               row.servable         ? "here"
               : row.engine.empty() ? "elsewhere"
                                    : "not built",
               note});
  }
  table.Print(context);
}

void PrintSizes(const Context& context, const CatalogueList& list) {
  if (list.unmanaged && !list.unmanaged->empty()) {
    context.OutLine("");
    Table table({"NOT IN THE CATALOGUE", ">SIZE", ""});
    for (const UnmanagedRow& row : *list.unmanaged)
      table.Add({row.id, Bytes(row.size_on_disk_bytes), Cell(row.problem.value.value_or(""), Style::kWarning)});
    table.Print(context);
  }
  if (!list.cache) return;
  const CacheRow& cache = *list.cache;
  context.OutLine("");
  context.OutLine(
      fmt::format("{} takes {}; {} are free", Printable(cache.folder), Bytes(cache.total_bytes), Bytes(cache.disk_free_bytes)));
  context.OutLine(fmt::format("  repositories {} (of that, unfinished downloads {}, files that nothing names {})",
                              Bytes(cache.repository_bytes), Bytes(cache.partial_bytes), Bytes(cache.unreferenced_bytes)));
  context.OutLine(
      fmt::format("  locks {}, trash {}, other {}", Bytes(cache.lock_bytes), Bytes(cache.trash_bytes), Bytes(cache.other_bytes)));
  if (cache.trash_elsewhere_bytes > 0)
    context.OutLine(fmt::format("  beside it, in the trash: {}", Bytes(cache.trash_elsewhere_bytes)));
}

Result<> CheckType(const std::string& type) {
  const auto names = json::EnumNames<model::ModelType>();
  if (type.empty() || std::find(names.begin(), names.end(), type) != names.end()) return {};
  return UsageError(fmt::format("there is no model type \"{}\"", type), "Types are: " + Join(names, ", ") + ".");
}

}  // namespace

Result<int> RunList(const Context& context, const ListOptions& options) {
  HOSTLER_OK(CheckType(options.type));
  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  std::string query;
  const auto add = [&](const std::string& part) { query += (query.empty() ? "?" : "&") + part; };
  if (!options.type.empty()) add("model_type=" + options.type);
  if (options.installed) add("installed_only=true");
  if (options.sizes) add("include_cache_size=true");
  HOSTLER_TRY(const std::string body, Api(session, occasion->target()).Get("/api/v2/models" + query));
  if (context.json()) {
    context.OutLine(body);
    return kExitOk;
  }
  HOSTLER_TRY(const CatalogueList list, Read<CatalogueList>(body));
  if (list.models.empty())
    context.OutLine(options.installed ? "nothing is downloaded" : "no models");
  else
    PrintModels(context, list);
  PrintSizes(context, list);
  if (list.hf_cache_scan_error.value)
    context.Note("the cache could not be read as a whole: " + Printable(*list.hf_cache_scan_error.value));
  return kExitOk;
}

Result<int> RunSearch(const Context& context, const SearchOptions& options) {
  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  HOSTLER_TRY(const std::string body,
              Api(session, occasion->target()).Get("/api/v2/models/search?q=" + PercentEncode(Join(options.words, " "))));
  if (context.json()) {
    context.OutLine(body);
    return kExitOk;
  }
  HOSTLER_TRY(const CatalogueList list, Read<CatalogueList>(body));
  if (list.models.empty())
    return Fail(Error{Code::kNotFound,
                      "nothing in the catalogue matches " + Join(options.words, " "),
                      "`hostler ls` shows all of it.",
                      {},
                      "not_found"});
  PrintModels(context, list);
  return kExitOk;
}

namespace {

void PrintPlan(const Context& context, const UsageRow& usage) {
  context.OutLine(fmt::format("{}: {} in {} files; deleting frees {}", Printable(usage.model_id), Bytes(usage.size_on_disk_bytes),
                              usage.files, Bytes(usage.freed_bytes)));
  if (!usage.whole_repository) {
    constexpr std::size_t kShown = 10;
    for (std::size_t i = 0; i < std::min(kShown, usage.paths.size()); ++i) context.OutLine("  " + Printable(usage.paths[i]));
    if (usage.paths.size() > kShown) context.OutLine(fmt::format("  and {} more", usage.paths.size() - kShown));
  }
  for (const std::string& warning : usage.warnings) context.OutLine("  ! " + Printable(warning));
}

Result<> CheckDeletable(const UsageRow& usage) {
  if (!usage.can_delete) {
    return Fail(Error{Code::kConflict,
                      fmt::format("{} is used by collections: {}", usage.model_id, Join(usage.blocked_by_collections, ", ")),
                      "Delete these collections or give them another model first.",
                      {},
                      "in_use_block"});
  }
  return {};
}

std::string Query(const RemoveOptions& options, const std::string& confirm) {
  std::string query = "?model_id=" + PercentEncode(options.repo);
  if (!options.revision.empty()) query += "&revision=" + PercentEncode(options.revision);
  if (options.unmanaged) query += "&allow_unmanaged=true";
  if (options.now) query += "&at_once=true";
  if (!confirm.empty()) query += "&confirm=" + confirm;
  return query;
}

Result<TaskRow> Delete(const Context& context, const Target& target, const RemoveOptions& options, const std::string& digest) {
  Session session;
  http::Request request;
  request.method = http::Method::kDelete;
  request.target = "/api/v2/models/cache" + Query(options, digest);
  HOSTLER_TRY(const http::Response answer, Api(session, target).Call(std::move(request)));
  HOSTLER_TRY(const TaskStart start, Read<TaskStart>(answer.body));
  if (!start.task_id.value) {
    TaskRow nothing;
    nothing.model_id = start.model_id;
    nothing.status = "not_installed";
    return nothing;
  }
  return Follow(context, session, target, *start.task_id.value);
}

}  // namespace

Result<int> RunRemove(const Context& context, const RemoveOptions& options) {
  std::unique_ptr<Occasion> occasion;
  UsageRow usage;
  {
    Session session;
    HOSTLER_TRY(occasion, Occasion::Find(context, session));
    HOSTLER_TRY(const std::string body, Api(session, occasion->target()).Get("/api/v2/models/usage" + Query(options, {})));
    HOSTLER_TRY(usage, Read<UsageRow>(body));
  }
  if (usage.files == 0 && usage.freed_bytes == 0) {
    return Fail(Error{Code::kNotFound,
                      Printable(options.repo) + " is not in the cache",
                      "`hostler ls --installed --sizes` shows what is.",
                      {},
                      "not_installed"});
  }
  if (!context.json()) PrintPlan(context, usage);
  HOSTLER_OK(CheckDeletable(usage));
  if (!options.yes) {
    HOSTLER_TRY(const bool yes, context.Ask("Delete it?"));
    if (!yes) {
      context.Note("nothing was deleted");
      return kExitRefused;
    }
  }
  HOSTLER_TRY(const TaskRow task, Delete(context, occasion->target(), options, usage.plan_digest));
  if (context.json()) context.OutLine(json::ToJson(task));
  HOSTLER_OK(Outcome(task));
  if (!context.json()) {
    context.OutLine(fmt::format("{} is deleted{}", Printable(usage.model_id),
                                options.now ? fmt::format("; {} are free", Bytes(usage.freed_bytes))
                                            : fmt::format("; `hostler undo {}` brings it back", Printable(usage.model_id))));
  }
  return kExitOk;
}

Result<int> RunUndo(const Context& context, const UndoOptions& options) {
  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  Api api(session, occasion->target());
  std::string body;
  if (options.list) {
    HOSTLER_TRY(body, api.Get("/api/v2/models/trash"));
    HOSTLER_TRY(const TrashList list, Read<TrashList>(body));
    if (!context.json()) {
      Table table({"MODEL", ">SIZE", "DELETED", "ID"});
      for (const TrashRow& row : list.items)
        table.Add({Cell(row.model_id, Style::kStrong), Bytes(row.bytes), Ago(row.removed_at), row.id});
      if (table.size() == 0)
        context.OutLine("the trash is empty");
      else
        table.Print(context);
    }
  } else if (options.purge) {
    http::Request request;
    request.method = http::Method::kDelete;
    request.target = "/api/v2/models/trash" + (options.repo.empty() ? "" : "?model_id=" + PercentEncode(options.repo));
    HOSTLER_TRY(const http::Response answer, api.Call(std::move(request)));
    body = answer.body;
    HOSTLER_TRY(const Purged purged, Read<Purged>(body));
    if (!context.json()) context.OutLine(Bytes(purged.freed_bytes) + " are free");
  } else {
    HOSTLER_TRY(
        body, api.Post("/api/v2/models/undo", options.repo.empty() ? "{}" : "{\"model_id\":" + json::ToJson(options.repo) + "}"));
    HOSTLER_TRY(const Restored restored, Read<Restored>(body));
    if (!context.json()) context.OutLine(fmt::format("{} is back: {}", Printable(restored.model_id), Bytes(restored.bytes)));
  }
  if (context.json()) context.OutLine(body);
  return kExitOk;
}

namespace {

void PrintFindings(const Context& context, const Findings& findings) {
  for (const FindingRow& finding : findings.findings) {
    const std::string where = finding.path.empty() ? finding.folder : finding.path;
    context.OutLine(fmt::format("{} {}{}",
                                context.Paint(finding.mendable ? Style::kWarning : Style::kBad, finding.mendable ? "◌" : "✗"),
                                where.empty() ? "" : Printable(where) + ": ", Printable(finding.what)));
    context.OutLine(
        fmt::format("  → {}{}", Printable(finding.remedy), finding.bytes > 0 ? " (" + Bytes(finding.bytes) + ")" : ""));
  }
}

}  // namespace

Result<int> RunDoctor(const Context& context, const DoctorOptions& options) {
  std::unique_ptr<Occasion> occasion;
  Findings findings;
  std::string body;
  {
    Session session;
    HOSTLER_TRY(occasion, Occasion::Find(context, session));
    context.Progress("examining the cache …");
    HOSTLER_TRY(body, Api(session, occasion->target()).Get("/api/v2/models/doctor"));
    context.EndProgress();
    HOSTLER_TRY(findings, Read<Findings>(body));
  }
  const auto mendable =
      std::count_if(findings.findings.begin(), findings.findings.end(), [](const FindingRow& row) { return row.mendable; });
  if (!options.fix) {
    if (context.json()) context.OutLine(body);
    if (!context.json() && findings.findings.empty()) context.OutLine("the cache is healthy");
    if (!context.json()) PrintFindings(context, findings);
    if (mendable > 0 && !context.json())
      context.OutLine(fmt::format("`hostler doctor --fix` mends {} of {}", mendable, findings.findings.size()));
    return findings.findings.empty() ? kExitOk : kExitFailed;
  }
  if (!context.json()) PrintFindings(context, findings);
  if (mendable == 0) {
    if (!context.json())
      context.OutLine(findings.findings.empty() ? "the cache is healthy" : "nothing of this can be mended from here");
    if (context.json()) context.OutLine(R"({"mended":[],"freed_bytes":0})");
    return findings.findings.empty() ? kExitOk : kExitFailed;
  }
  if (!options.yes) {
    HOSTLER_TRY(const bool yes, context.Ask(fmt::format("Mend {} and free {}?", mendable, Bytes(findings.mendable_bytes))));
    if (!yes) {
      context.Note("nothing was changed");
      return kExitRefused;
    }
  }
  Session session;
  HOSTLER_TRY(const std::string answer, Api(session, occasion->target()).Post("/api/v2/models/doctor", "{}"));
  HOSTLER_TRY(const MendedList mended, Read<MendedList>(answer));
  bool all = true;
  for (const MendedRow& row : mended.mended) {
    if (!row.error.value) continue;
    all = false;
    context.Note(fmt::format("{}: {}", Printable(row.path), Printable(*row.error.value)));
  }
  if (context.json())
    context.OutLine(answer);
  else
    context.OutLine(fmt::format("{} mended, {} are free", mended.mended.size(), Bytes(mended.freed_bytes)));
  return all && static_cast<std::size_t>(mendable) == findings.findings.size() ? kExitOk : kExitFailed;
}

}  // namespace hostler::cli
