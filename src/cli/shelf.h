// What the server answers about models on disk.
//
// Internal to this room. Plain values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace hostler::cli {

struct CatalogueRow {
  std::string id;
  std::string name;
  std::string description;
  std::string model_type;
  std::map<std::string, int> memory_mb;
  bool is_installed = false;
  std::uint64_t size_on_disk_bytes = 0;
  std::uint64_t resumable_bytes = 0;
  std::uint64_t download_size_mb = 0;
  std::string state;
  std::string engine;
  bool servable = false;
  bool gated = false;
  std::string licence;
  std::vector<std::string> used_by_collections;
};
BOOST_DESCRIBE_STRUCT(CatalogueRow, (),
                      (id, name, description, model_type, memory_mb, is_installed, size_on_disk_bytes, resumable_bytes,
                       download_size_mb, state, engine, servable, gated, licence, used_by_collections))

struct CacheRow {
  std::string folder;
  std::uint64_t total_bytes = 0;
  std::uint64_t repository_bytes = 0;
  std::uint64_t partial_bytes = 0;
  std::uint64_t unreferenced_bytes = 0;
  std::uint64_t lock_bytes = 0;
  std::uint64_t trash_bytes = 0;
  std::uint64_t other_bytes = 0;
  std::uint64_t trash_elsewhere_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(CacheRow, (),
                      (folder, total_bytes, repository_bytes, partial_bytes, unreferenced_bytes, lock_bytes, trash_bytes,
                       other_bytes, trash_elsewhere_bytes, disk_free_bytes))

struct UnmanagedRow {
  std::string id;
  std::uint64_t size_on_disk_bytes = 0;
  json::Nullable<std::string> problem;
};
BOOST_DESCRIBE_STRUCT(UnmanagedRow, (), (id, size_on_disk_bytes, problem))

struct CatalogueList {
  std::vector<CatalogueRow> models;
  json::Nullable<std::string> hf_cache_scan_error;
  std::optional<CacheRow> cache;
  std::optional<std::vector<UnmanagedRow>> unmanaged;
};
BOOST_DESCRIBE_STRUCT(CatalogueList, (), (models, hf_cache_scan_error, cache, unmanaged))

struct UsageRow {
  std::string model_id;
  bool is_installed = false;
  std::uint64_t size_on_disk_bytes = 0;
  std::uint64_t freed_bytes = 0;
  std::size_t files = 0;
  std::vector<std::string> blocked_by_collections;
  std::vector<std::string> warnings;
  bool can_delete = true;
  bool requires_confirmation = false;
  std::string plan_digest;
  bool whole_repository = false;
  std::vector<std::string> paths;
  std::vector<std::string> busy;
};
BOOST_DESCRIBE_STRUCT(UsageRow, (),
                      (model_id, is_installed, size_on_disk_bytes, freed_bytes, files, blocked_by_collections, warnings,
                       can_delete, requires_confirmation, plan_digest, whole_repository, paths, busy))

struct TrashRow {
  std::string id;
  std::string model_id;
  std::uint64_t bytes = 0;
  double removed_at = 0;
  double purged_at = 0;
};
BOOST_DESCRIBE_STRUCT(TrashRow, (), (id, model_id, bytes, removed_at, purged_at))
struct TrashList {
  std::vector<TrashRow> items;
};
BOOST_DESCRIBE_STRUCT(TrashList, (), (items))
struct Restored {
  std::string model_id;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Restored, (), (model_id, bytes))
struct Purged {
  std::uint64_t freed_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Purged, (), (freed_bytes))

struct FindingRow {
  std::string trouble;
  std::string folder;
  std::string path;
  std::string what;
  std::string remedy;
  std::uint64_t bytes = 0;
  bool mendable = false;
};
BOOST_DESCRIBE_STRUCT(FindingRow, (), (trouble, folder, path, what, remedy, bytes, mendable))
struct Findings {
  std::vector<FindingRow> findings;
  std::uint64_t mendable_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(Findings, (), (findings, mendable_bytes))
struct MendedRow {
  std::string trouble;
  std::string path;
  json::Nullable<std::string> error;
};
BOOST_DESCRIBE_STRUCT(MendedRow, (), (trouble, path, error))
struct MendedList {
  std::vector<MendedRow> mended;
  std::uint64_t freed_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(MendedList, (), (mended, freed_bytes))

}  // namespace hostler::cli
