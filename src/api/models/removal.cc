#include "app/removal.h"
#include "api/models/routes.h"
#include "api/models/task.h"
#include "api/query.h"

namespace hostler::api::models {
namespace {

struct UsageBody {
  std::string model_id;
  bool is_installed = false;
  std::uint64_t size_on_disk_mb = 0;          // MB = 2^20 bytes
  std::uint64_t estimated_freed_size_mb = 0;  // on the disk; what others still use is not counted
  std::uint64_t size_on_disk_bytes = 0;
  std::uint64_t freed_bytes = 0;
  std::size_t files = 0;
  std::vector<std::string> blocked_by_collections;
  int user_preferences_count = 0;
  int llm_config_count = 0;
  bool is_default = false;
  bool is_default_embedding_model = false;
  bool loaded_in_vecpipe = false;  // the seed's name: loaded in this server
  std::vector<std::string> loaded_vecpipe_model_types;
  std::size_t leases = 0;
  json::Nullable<std::string> hf_cache_scan_error;
  json::Nullable<std::string> vecpipe_query_error;
  std::vector<std::string> warnings;
  bool can_delete = true;
  bool requires_confirmation = false;
  std::string plan_digest;         // accept exactly this with DELETE …/cache?confirm=DIGEST
  bool whole_repository = false;   // the repository's folder as a whole; else `paths`
  std::vector<std::string> paths;  // inside the repository's folder, at most 1000
  std::vector<std::string> busy;   // blobs that some program is downloading just now
};
BOOST_DESCRIBE_STRUCT(UsageBody, (),
                      (model_id, is_installed, size_on_disk_mb, estimated_freed_size_mb, size_on_disk_bytes, freed_bytes, files,
                       blocked_by_collections, user_preferences_count, llm_config_count, is_default, is_default_embedding_model,
                       loaded_in_vecpipe, loaded_vecpipe_model_types, leases, hf_cache_scan_error, vecpipe_query_error, warnings,
                       can_delete, requires_confirmation, plan_digest, whole_repository, paths, busy))

UsageBody BodyOf(const app::Usage& usage) {
  constexpr std::size_t kMostPaths = 1000;
  UsageBody body;
  body.model_id = usage.subject.id;
  body.is_installed = usage.is_installed;
  body.size_on_disk_mb = usage.plan.bytes_shown >> 20;
  body.estimated_freed_size_mb = usage.plan.bytes_freed >> 20;
  body.size_on_disk_bytes = usage.plan.bytes_shown;
  body.freed_bytes = usage.plan.bytes_freed;
  body.files = usage.plan.files;
  body.blocked_by_collections = usage.blocked_by_collections;
  body.user_preferences_count = usage.user_preferences_count;
  body.llm_config_count = usage.llm_config_count;
  body.is_default = usage.is_default;
  body.is_default_embedding_model = usage.is_default_embedding_model;
  body.loaded_in_vecpipe = !usage.loaded_as.empty();
  body.loaded_vecpipe_model_types = usage.loaded_as;
  body.leases = usage.leases;
  if (!usage.scan_error.empty()) body.hf_cache_scan_error = usage.scan_error;
  body.warnings = usage.warnings;
  body.can_delete = usage.can_delete();
  body.requires_confirmation = usage.requires_confirmation();
  body.plan_digest = usage.Digest();
  body.whole_repository = usage.plan.whole_folder;
  body.paths.assign(usage.plan.paths.begin(),
                    usage.plan.paths.begin() + static_cast<std::ptrdiff_t>(std::min(kMostPaths, usage.plan.paths.size())));
  body.busy = usage.plan.busy;
  return body;
}

Result<std::string> RevisionOf(const http::Query& query) {
  std::string revision = query.Get("revision").value_or("");
  if (revision.empty() || model::IsRevision(revision)) return revision;
  return Fail(BadQuery("revision", "it is no revision", "Name a branch, a tag or a commit."));
}

Task<Result<UsageBody>> Usage(app::House& house, http::Exchange& exchange) {
  const http::Query& query = exchange.query();
  HOSTLER_CO_TRY(std::string id, QueryText(query, "model_id"));
  HOSTLER_CO_TRY(const bool unmanaged, QueryFlag(query, "allow_unmanaged"));
  HOSTLER_CO_TRY(std::string revision, RevisionOf(query));
  HOSTLER_CO_TRY(const app::Usage usage, co_await app::UsageOf(house, std::move(id), std::move(revision), unmanaged));
  co_return BodyOf(usage);
}

Conflict ConflictOf(const app::Refusal& refusal, const std::string& id) {
  Conflict conflict;
  conflict.type = conflict.conflict_type = refusal.type;
  conflict.detail = refusal.detail;
  conflict.model_id = id;
  if (refusal.active) {
    conflict.active_operation = refusal.active->operation;
    conflict.active_task_id = refusal.active->id;
  }
  if (refusal.usage) {
    if (refusal.type == "in_use_block") conflict.blocked_by_collections = refusal.usage->blocked_by_collections;
    if (refusal.type == "requires_confirmation" || refusal.type == "plan_changed") {
      conflict.requires_confirmation = true;
      conflict.warnings = refusal.usage->warnings;
      conflict.plan_digest = refusal.usage->Digest();
      conflict.bytes_freed = refusal.usage->plan.bytes_freed;
    }
  }
  conflict.error = {refusal.detail, refusal.type, refusal.remedy};
  return conflict;
}

// "" for no confirmation, "true", or a digest.
Result<std::string> ConfirmOf(const http::Query& query) {
  const auto text = query.Get("confirm");
  if (!text) return std::string();
  constexpr std::size_t kDigest = 64;
  if (text->size() == kDigest && text->find_first_not_of("0123456789abcdef") == std::string::npos) return *text;
  HOSTLER_TRY(const bool yes, QueryFlag(query, "confirm"));
  return std::string(yes ? "true" : "");
}

Task<Result<>> Delete(app::House& house, http::Exchange& exchange) {
  const http::Query& query = exchange.query();
  app::RemovalRequest request;
  HOSTLER_CO_TRY(request.id, QueryText(query, "model_id"));
  HOSTLER_CO_TRY(request.confirm, ConfirmOf(query));
  HOSTLER_CO_TRY(request.unmanaged, QueryFlag(query, "allow_unmanaged"));
  HOSTLER_CO_TRY(request.at_once, QueryFlag(query, "at_once"));
  HOSTLER_CO_TRY(request.revision, RevisionOf(query));
  const std::string id = request.id;
  HOSTLER_CO_TRY(const auto answer, co_await app::StartRemoval(house, std::move(request)));
  if (const auto* refusal = std::get_if<app::Refusal>(&answer))
    co_await exchange.Send(http::JsonResponse(json::ToJson(ConflictOf(*refusal, id)), 409));
  else
    co_await exchange.Send(http::JsonResponse(json::ToJson(ReplyOf(std::get<app::Begun>(answer)))));
  co_return Result<>{};
}

// --- the trash ---

struct TrashBody {
  std::string id;
  std::string model_id;
  std::uint64_t bytes = 0;
  double removed_at = 0;  // Unix seconds
  double purged_at = 0;
};
BOOST_DESCRIBE_STRUCT(TrashBody, (), (id, model_id, bytes, removed_at, purged_at))
struct TrashList {
  std::vector<TrashBody> items;  // newest first
};
BOOST_DESCRIBE_STRUCT(TrashList, (), (items))

struct UndoRequest {
  std::optional<std::string> model_id;  // or an id from the trash; default: what was deleted last
};
BOOST_DESCRIBE_STRUCT(UndoRequest, (), (model_id))
struct UndoReply {
  std::string model_id;
  std::string status;  // "restored"
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(UndoReply, (), (model_id, status, bytes))
struct PurgeReply {
  std::uint64_t freed_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(PurgeReply, (), (freed_bytes))

Task<Result<TrashList>> Trash(app::House& house, http::Exchange&) {
  TrashList list;
  for (const store::TrashItem& item : co_await app::TrashOf(house))
    list.items.push_back({item.id, item.label, item.bytes, item.removed_at, app::PurgedAt(house, item)});
  co_return list;
}

Task<Result<UndoReply>> Undo(app::House& house, http::Exchange&, UndoRequest request) {
  HOSTLER_CO_TRY(const store::TrashItem item, co_await app::Undo(house, request.model_id.value_or("")));
  co_return UndoReply{item.label, "restored", item.bytes};
}

Task<Result<PurgeReply>> Purge(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const std::uint64_t freed, co_await app::PurgeTrash(house, exchange.query().Get("model_id").value_or("")));
  co_return PurgeReply{freed};
}

}  // namespace

void AddRemoval(Door& door) {
  door.Get("/api/v2/models/usage",
           {"What deleting a model would free, and who would miss it", "Models", {"model_id", "revision", "allow_unmanaged"}},
           Usage);
  door.Raw(http::Method::kDelete, "/api/v2/models/cache",
           {"Delete a model; answers with a task, or 409 with the reason",
            "Models",
            {"model_id", "confirm", "revision", "allow_unmanaged", "at_once"}},
           Delete);
  door.Get("/api/v2/models/trash", {"Deleted models that can still be brought back", "Models"}, Trash);
  door.Delete("/api/v2/models/trash", {"Free what is in the trash now", "Models", {"model_id"}}, Purge);
  door.Post("/api/v2/models/undo", {"Bring a deleted model back", "Models"}, Undo);
}

}  // namespace hostler::api::models
