#include "app/library.h"

#include <algorithm>
#include <map>
#include <set>

namespace hostler::app {
namespace {

using ByRepository = std::map<std::string, const store::ScannedRepo*, std::less<>>;

ByRepository Models(const store::Scan& scan) {
  ByRepository repos;
  for (const store::ScannedRepo& repo : scan.repos) {
    if (repo.repo.kind == model::RepoKind::kModel) repos.emplace(repo.repo.id, &repo);
  }
  return repos;
}

}  // namespace

const Standing* Holdings::Find(std::string_view id) const {
  const auto found = std::find_if(standings.begin(), standings.end(), [&](const Standing& one) { return one.entry->id == id; });
  return found == standings.end() ? nullptr : &*found;
}

std::shared_ptr<const Holdings> Library::State::Make(std::shared_ptr<const store::Scan> scan) const {
  const auto before = last.With([](const auto& kept) { return kept; });
  const ByRepository then = before ? Models(*before->scan) : ByRepository{};
  const ByRepository now = Models(*scan);
  auto holdings = std::make_shared<Holdings>();
  holdings->standings.reserve(catalogue.entries().size());
  std::set<std::string_view> managed;
  for (const catalog::Entry& entry : catalogue.entries()) {
    Standing standing{&entry, {}, 0};
    const auto found = now.find(entry.repository);
    if (!entry.path.empty()) {
      standing.presence.complete = standing.presence.known = true;
      standing.presence.snapshot = entry.path;
      standing.disk = entry.size_mb << 20;
    } else if (found != now.end()) {
      const auto old = then.find(entry.repository);
      if (old != then.end() && *old->second == *found->second) {
        standing = before->standings[holdings->standings.size()];  // the same entry: the catalogue never changes
      } else {
        standing.presence = cache.Look(found->second->repo, entry.revision, entry.files);
        const bool alone = catalogue.InRepository(entry.repository).size() == 1;
        standing.disk = alone ? found->second->disk : standing.presence.bytes_present;
      }
      if (managed.insert(entry.repository).second) holdings->managed += found->second->disk;
    }
    holdings->standings.push_back(std::move(standing));
  }
  holdings->unmanaged = scan->disk_total - std::min(holdings->managed, scan->disk_total);
  holdings->unmanaged_repos = scan->repos.size() - managed.size();
  holdings->scan = std::move(scan);
  return holdings;
}

Task<std::shared_ptr<const Holdings>> Library::Now(bool force) {
  co_return co_await pool_.Run([state = state_, force] {
    auto scan = state->scanner.Now(force);
    auto kept = state->last.With([](const auto& last) { return last; });
    if (kept && kept->scan == scan) return kept;
    auto holdings = state->Make(std::move(scan));
    state->last.With([&](auto& last) { last = holdings; });
    return holdings;
  });
}

}  // namespace hostler::app
