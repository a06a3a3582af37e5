#include <algorithm>

#include "api/models/routes.h"
#include "api/query.h"
#include "api/words.h"
#include "app/library.h"
#include "app/removal.h"

namespace hostler::api::models {
namespace {

struct ModelBody {
  std::string id;
  std::string name;
  std::string description;
  model::ModelType model_type = model::ModelType::kEmbedding;
  std::map<std::string, int> memory_mb;  // by quantisation
  bool is_installed = false;             // complete
  std::uint64_t size_on_disk_mb = 0;     // MB = 2^20 bytes; 0 when not installed
  std::vector<std::string> used_by_collections;
  json::Nullable<std::string> active_download_task_id;
  json::Nullable<std::string> active_delete_task_id;
  json::Nullable<int> dimension;
  json::Nullable<int> max_sequence_length;
  json::Nullable<std::string> pooling_method;
  json::Nullable<bool> is_asymmetric;
  json::Nullable<std::string> query_prefix;
  json::Nullable<std::string> document_prefix;
  json::Nullable<std::string> default_query_instruction;
  json::Nullable<int> context_window;
  // hostler's own
  std::string state;  // provider_missing, available, downloading, downloaded, loading, loaded
  std::string provider;
  std::string engine;     // empty: managed only
  bool servable = false;  // an engine that is here can run it
  std::string repository;
  std::string revision;
  std::string licence;
  bool gated = false;
  bool is_default = false;
  bool curated = true;
  std::uint64_t download_size_mb = 0;  // roughly; 0: not known
  std::uint64_t size_on_disk_bytes = 0;
  std::uint64_t resumable_bytes = 0;
  double memory_measured_mb = 0;  // by the last load; 0: never loaded since the start
};
BOOST_DESCRIBE_STRUCT(ModelBody, (),
                      (id, name, description, model_type, memory_mb, is_installed, size_on_disk_mb, used_by_collections,
                       active_download_task_id, active_delete_task_id, dimension, max_sequence_length, pooling_method,
                       is_asymmetric, query_prefix, document_prefix, default_query_instruction, context_window, state, provider,
                       engine, servable, repository, revision, licence, gated, is_default, curated, download_size_mb,
                       size_on_disk_bytes, resumable_bytes, memory_measured_mb))

// What the numbers are made of: the parts add up to total_bytes, which is what `du` says of the cache folder.
struct CacheBreakdown {
  std::string folder;
  std::uint64_t total_bytes = 0;
  std::uint64_t repository_bytes = 0;  // of all repositories, with the three below
  std::uint64_t partial_bytes = 0;
  std::uint64_t unreferenced_bytes = 0;
  std::uint64_t lock_bytes = 0;
  std::uint64_t trash_bytes = 0;  // inside the cache folder; see trash_elsewhere_bytes
  std::uint64_t other_bytes = 0;
  std::uint64_t trash_elsewhere_bytes = 0;  // not part of the total
  std::uint64_t disk_free_bytes = 0;
  std::size_t repositories = 0;
};
BOOST_DESCRIBE_STRUCT(CacheBreakdown, (),
                      (folder, total_bytes, repository_bytes, partial_bytes, unreferenced_bytes, lock_bytes, trash_bytes,
                       other_bytes, trash_elsewhere_bytes, disk_free_bytes, repositories))

struct UnmanagedRepo {
  std::string id;  // as `hostler rm --unmanaged` takes it
  std::uint64_t size_on_disk_bytes = 0;
  json::Nullable<std::string> problem;  // why huggingface_hub passes it over
};
BOOST_DESCRIBE_STRUCT(UnmanagedRepo, (), (id, size_on_disk_bytes, problem))

struct ModelList {
  std::vector<ModelBody> models;
  json::Nullable<std::string> hf_cache_scan_error;
  // Only with include_cache_size=true.
  std::optional<std::uint64_t> total_cache_size_mb;
  std::optional<std::uint64_t> managed_cache_size_mb;
  std::optional<std::uint64_t> unmanaged_cache_size_mb;
  std::optional<std::uint64_t> unmanaged_repo_count;
  std::optional<CacheBreakdown> cache;
  std::optional<std::vector<UnmanagedRepo>> unmanaged;
};
BOOST_DESCRIBE_STRUCT(ModelList, (),
                      (models, hf_cache_scan_error, total_cache_size_mb, managed_cache_size_mb, unmanaged_cache_size_mb,
                       unmanaged_repo_count, cache, unmanaged))

// Everything the rows are made from, read once for all of them.
struct Sources {
  std::shared_ptr<const app::Holdings> holdings;
  std::map<std::string, tasks::Record> active;
  std::map<model::ModelId, std::vector<references::Reference>> references;
  std::map<model::ModelId, lifecycle::Status> loaded;
};

Task<Result<Sources>> Gather(app::House& house, bool force) {
  Sources sources;
  sources.holdings = co_await house.library.Now(force);
  co_await house.tasks.Ready();
  sources.active = house.tasks.Active();
  for (lifecycle::Status& status : house.lifecycle.List()) sources.loaded.emplace(status.entry.id, std::move(status));
  // Without the database the list is still the list; who uses a model is then not told.
  auto references = co_await house.database_pool.Run([book = &house.references] { return book->ByModel(); });
  if (references) sources.references = std::move(*references);
  co_return sources;
}

void FillDetails(ModelBody& body, const catalog::Entry& entry) {
  body.context_window = entry.context_window;
  if (!entry.embedding) return;
  const catalog::Embedding& embedding = *entry.embedding;
  body.dimension = embedding.dimension;
  body.max_sequence_length = embedding.max_sequence_length;
  if (!embedding.pooling_method.empty()) body.pooling_method = embedding.pooling_method;
  body.is_asymmetric = embedding.is_asymmetric;
  body.query_prefix = embedding.query_prefix;
  body.document_prefix = embedding.document_prefix;
  body.default_query_instruction = embedding.default_query_instruction;
}

void FillTasks(ModelBody& body, const Sources& sources) {
  const auto active = sources.active.find(body.id);
  if (active == sources.active.end()) return;
  if (active->second.operation == tasks::Operation::kDownload) body.active_download_task_id = active->second.id;
  if (active->second.operation == tasks::Operation::kDelete) body.active_delete_task_id = active->second.id;
}

void FillState(ModelBody& body, const Sources& sources) {
  body.state = body.is_installed ? "downloaded" : body.active_download_task_id.value ? "downloading" : "available";
  const auto status = sources.loaded.find(body.id);
  if (status == sources.loaded.end()) return;
  body.servable = status->second.entry.disk != model::DiskState::kProviderMissing;
  if (status->second.load_receipt) body.memory_measured_mb = status->second.load_receipt->memory_after_mb;
  const std::string in_memory = VoiceState(status->second);
  if (in_memory == "loaded" || in_memory == "loading" || in_memory == "provider_missing") body.state = in_memory;
}

ModelBody BodyOf(const app::Standing& standing, const Sources& sources) {
  const catalog::Entry& entry = *standing.entry;
  ModelBody body;
  body.id = entry.id;
  body.name = entry.name;
  body.description = entry.description;
  body.model_type = entry.type;
  body.memory_mb = entry.memory_mb;
  body.is_installed = standing.presence.complete;
  body.size_on_disk_bytes = body.is_installed ? standing.disk : 0;
  body.size_on_disk_mb = body.size_on_disk_bytes >> 20;
  body.resumable_bytes = body.is_installed ? 0 : standing.presence.bytes_present + standing.presence.resumable_bytes;
  body.provider = entry.provider;
  body.engine = entry.engine;
  body.repository = entry.repository;
  body.revision = entry.revision;
  body.licence = entry.licence;
  body.gated = entry.gated;
  body.is_default = entry.is_default;
  body.curated = entry.curated;
  body.download_size_mb = entry.size_mb;
  if (const auto found = sources.references.find(entry.id); found != sources.references.end()) {
    for (const references::Reference& reference : found->second) {
      if (reference.kind == references::Kind::kCollection) body.used_by_collections.push_back(reference.name);
    }
    std::sort(body.used_by_collections.begin(), body.used_by_collections.end());
  }
  FillDetails(body, entry);
  FillTasks(body, sources);
  FillState(body, sources);
  return body;
}

std::string NameOf(const model::Repo& repo) {
  switch (repo.kind) {
    case model::RepoKind::kModel: return repo.id;
    case model::RepoKind::kDataset: return "datasets/" + repo.id;
    case model::RepoKind::kSpace: return "spaces/" + repo.id;
    case model::RepoKind::kKernel: return "kernels/" + repo.id;
  }
  return repo.id;
}

Task<> FillSizes(app::House& house, const app::Holdings& holdings, ModelList& list) {
  const store::Scan& scan = *holdings.scan;
  list.total_cache_size_mb = scan.disk_total >> 20;
  list.managed_cache_size_mb = holdings.managed >> 20;
  list.unmanaged_cache_size_mb = *list.total_cache_size_mb - *list.managed_cache_size_mb;
  list.unmanaged_repo_count = holdings.unmanaged_repos;
  CacheBreakdown cache;
  cache.folder = house.cache.root().string();
  cache.total_bytes = scan.disk_total;
  cache.repository_bytes = scan.disk_repos;
  cache.lock_bytes = scan.disk_locks;
  cache.trash_bytes = scan.disk_trash;
  cache.other_bytes = scan.disk_other;
  cache.repositories = scan.repos.size();
  auto& unmanaged = list.unmanaged.emplace();
  for (const store::ScannedRepo& repo : scan.repos) {
    cache.partial_bytes += repo.partial;
    cache.unreferenced_bytes += repo.unreferenced;
    if (repo.repo.kind == model::RepoKind::kModel && !house.catalogue.InRepository(repo.repo.id).empty()) continue;
    unmanaged.push_back({NameOf(repo.repo), repo.disk, repo.problem.empty() ? json::Nullable<std::string>() : repo.problem});
  }
  if (scan.disk_trash == 0) {
    for (const store::TrashItem& item : co_await app::TrashOf(house)) cache.trash_elsewhere_bytes += item.bytes;
  }
  const auto space = co_await house.disk_pool.Run([store = &house.cache] { return store->FreeSpace(); });
  if (space) cache.disk_free_bytes = space->free;
  list.cache = std::move(cache);
}

Task<Result<ModelList>> List(app::House& house, http::Exchange& exchange) {
  const http::Query& query = exchange.query();
  HOSTLER_CO_TRY(const auto type, QueryEnum<model::ModelType>(query, "model_type"));
  HOSTLER_CO_TRY(const bool installed_only, QueryFlag(query, "installed_only"));
  HOSTLER_CO_TRY(const bool with_sizes, QueryFlag(query, "include_cache_size"));
  HOSTLER_CO_TRY(const bool force, QueryFlag(query, "force_refresh_cache"));
  HOSTLER_CO_TRY(const Sources sources, co_await Gather(house, force));
  ModelList list;
  for (const app::Standing& standing : sources.holdings->standings) {
    if (type && standing.entry->type != *type) continue;
    if (installed_only && !standing.presence.complete) continue;
    list.models.push_back(BodyOf(standing, sources));
  }
  if (!sources.holdings->scan->error.empty()) list.hf_cache_scan_error = sources.holdings->scan->error;
  if (with_sizes) co_await FillSizes(house, *sources.holdings, list);
  co_return list;
}

Task<Result<ModelList>> Search(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const std::string words, QueryText(exchange.query(), "q"));
  HOSTLER_CO_TRY(const Sources sources, co_await Gather(house, false));
  ModelList list;
  for (const catalog::Entry* entry : house.catalogue.Search(words)) {
    const auto index = static_cast<std::size_t>(entry - house.catalogue.entries().data());
    list.models.push_back(BodyOf(sources.holdings->standings[index], sources));
  }
  co_return list;
}

}  // namespace

void AddList(Door& door) {
  door.Get("/api/v2/models",
           {"The catalogue with what is on disk, in memory and under way",
            "Models",
            {"model_type", "installed_only", "include_cache_size", "force_refresh_cache"}},
           List);
  door.Get("/api/v2/models/search", {"Models of the catalogue by words", "Models", {"q"}}, Search);
}

}  // namespace hostler::api::models
