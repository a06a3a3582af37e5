#include "app/orders.h"

#include <fmt/format.h>

namespace hostler::app {
namespace {

Result<model::Repo> RepoNamed(const std::string& id) {
  constexpr std::string_view kDatasets = "datasets/";
  constexpr std::string_view kSpaces = "spaces/";
  if (id.starts_with(kDatasets))
    return model::ParseRepo(std::string_view(id).substr(kDatasets.size()), model::RepoKind::kDataset);
  if (id.starts_with(kSpaces)) return model::ParseRepo(std::string_view(id).substr(kSpaces.size()), model::RepoKind::kSpace);
  return model::ParseRepo(id);
}

}  // namespace

Result<Subject> FindSubject(const House& house, const std::string& id, bool unmanaged) {
  if (const catalog::Entry* entry = house.catalogue.Find(id)) {
    if (!entry->path.empty()) {
      return Fail(Error{Code::kConflict,
                        fmt::format("\"{}\" lies in models/ by itself: hostler neither fetches nor deletes it", id),
                        fmt::format("It is at {}; change it there.", entry->path), "model_id", "not_in_cache"});
    }
    HOSTLER_TRY(model::Repo repo, model::ParseRepo(entry->repository));
    return Subject{id, entry, std::move(repo), entry->revision, entry->files};
  }
  auto repo = RepoNamed(id);
  if (!repo) {
    repo.error().field = "model_id";
    return std::unexpected(std::move(repo).error());
  }
  if (!unmanaged) {
    const std::string nearest = house.catalogue.Nearest(id);
    return Fail(Error{Code::kInvalid, fmt::format("\"{}\" is not in the catalogue", Clip(id, 200)),
                      (nearest.empty() ? "`hostler search` finds what is." : fmt::format("Did you mean \"{}\"?", nearest)) +
                          " A repository that is not in it needs allow_unmanaged=true (--unmanaged).",
                      "model_id", "not_curated"});
  }
  return Subject{id, nullptr, std::move(*repo), "main", {}};
}

}  // namespace hostler::app
