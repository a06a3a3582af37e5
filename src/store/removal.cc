#include "store/removal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "store/contents.h"
#include "store/folder.h"
#include "store/hash.h"
#include "store/layout.h"

namespace hostler::store {
namespace {

constexpr int kDeepest = 128;

bool Has(const std::vector<std::string>& texts, const std::string& text) {
  return std::ranges::find(texts, text) != texts.end();
}

// What goes, measured: each file once, however many names it has.
struct Measure {
  struct File {
    std::uint64_t disk = 0;
    std::uint64_t size = 0;
    nlink_t names = 1;
    nlink_t seen = 0;
  };
  std::map<std::pair<dev_t, ino_t>, File> files;
  Hasher state = Hasher::Sha256();

  void Add(const Folder& at, const std::string& name, const std::string& path, int depth) {
    const auto status = StatBelow(at, name);
    if (!status || depth > kDeepest) return;
    const bool is_folder = S_ISDIR(status->st_mode);
    auto& file = files[{status->st_dev, status->st_ino}];
    file = {static_cast<std::uint64_t>(status->st_blocks) * 512,
            S_ISREG(status->st_mode) ? static_cast<std::uint64_t>(status->st_size) : 0, is_folder ? 1 : status->st_nlink,
            file.seen + 1};
    // A folder's own time and size change with every temporary file in it; its entries say what matters.
    state.Update(fmt::format("{}:{} {} {} {}.{}\n", path.size(), path, is_folder, is_folder ? 0 : status->st_size,
                             is_folder ? 0 : status->st_mtim.tv_sec, is_folder ? 0 : status->st_mtim.tv_nsec));
    if (!is_folder) return;
    const auto folder = OpenBelow(at, name, Missing::kFail);
    if (!folder) return;
    std::set<std::string> names;  // in an order that stays
    ForEachEntry(*folder, [&](const char* entry, unsigned char) { names.insert(entry); });
    for (const std::string& entry : names) Add(*folder, entry, path + "/" + entry, depth + 1);
  }

  void Into(RemovalPlan& plan) {
    for (const auto& [identity, file] : files) {
      plan.bytes_shown += file.size;
      if (file.seen >= file.names) plan.bytes_freed += file.disk;
    }
    plan.state = state.Finish();
  }
};

// Decides what goes; pure but for the listings.
class Planner {
 public:
  Planner(const Cache& cache, const Scope& scope, const Contents& contents) : cache_(cache), scope_(scope), contents_(contents) {}

  void Decide(RemovalPlan& plan) {
    if (scope_.revision.empty() && scope_.files.IsAll() && scope_.keep.empty()) {
      TakeAll(plan);
      return;
    }
    std::set<std::string> etags;  // of what was picked by a listing: its unfinished and unlinked blobs go too
    std::size_t left = 0;
    for (const auto& [commit, entries] : contents_.snapshots) {
      if (!IsMeant(commit) || !TakeSnapshot(commit, entries, plan, etags)) ++left;
    }
    for (const std::string& commit : contents_.listings) {
      if (IsMeant(commit) && !contents_.snapshots.contains(commit)) TakeListed(commit, etags);
    }
    if (left == 0 && !contents_.snapshots.empty() && scope_.keep.empty() && scope_.files.IsAll()) {
      TakeAll(plan);
      return;
    }
    TakeBlobs(plan, etags);
  }

 private:
  [[nodiscard]] bool Picks(const std::string& path) const {
    return scope_.files.Picks(path) && std::ranges::none_of(scope_.keep, [&](const auto& keep) { return keep.Picks(path); });
  }

  [[nodiscard]] bool IsMeant(const std::string& commit) const {
    if (scope_.revision.empty() || scope_.revision == commit) return true;
    const auto ref = contents_.refs.find(scope_.revision);
    return ref != contents_.refs.end() && ref->second == commit;
  }

  void TakeAll(RemovalPlan& plan) const {
    plan.whole_folder = true;
    plan.paths.clear();
    plan.commits.clear();
    plan.files = 0;
    for (const auto& [commit, entries] : contents_.snapshots) {
      plan.commits.push_back(commit);
      plan.files += entries.size();
    }
  }

  // True if nothing of the snapshot stays.
  bool TakeSnapshot(const std::string& commit, const std::vector<Entry>& entries, RemovalPlan& plan,
                    std::set<std::string>& etags) {
    std::vector<const Entry*> picked;
    for (const Entry& entry : entries) {
      if (Picks(entry.path))
        picked.push_back(&entry);
      else if (!entry.blob.empty())
        needed_.insert(entry.blob);
    }
    const bool whole = picked.size() == entries.size() && (scope_.files.IsAll() || !entries.empty());
    TakeListed(commit, etags);
    plan.files += picked.size();
    for (const Entry* entry : picked) {
      if (!entry->blob.empty()) etags.insert(entry->blob);
      if (!whole) plan.paths.push_back("snapshots/" + commit + "/" + entry->path);
    }
    if (whole || !picked.empty()) plan.commits.push_back(commit);
    if (!whole) return false;
    plan.paths.push_back("snapshots/" + commit);
    for (const auto& [name, target] : contents_.refs) {
      if (target == commit) plan.paths.push_back("refs/" + name);
    }
    if (Has(contents_.listings, commit)) plan.paths.push_back("trees/" + commit + ".json");
    if (Has(contents_.absences, commit)) plan.paths.push_back(".no_exist/" + commit);
    return true;
  }

  void TakeListed(const std::string& commit, std::set<std::string>& etags) {
    const auto listing = cache_.Listing(scope_.repo, commit);
    if (!listing) return;
    for (const model::RepoFile& file : *listing) (Picks(file.path) ? etags : wanted_).insert(file.etag());
  }

  void TakeBlobs(RemovalPlan& plan, const std::set<std::string>& etags) {
    for (const auto& [commit, entries] : contents_.snapshots) {
      if (IsMeant(commit)) continue;
      for (const Entry& entry : entries) needed_.insert(entry.blob);
      if (const auto listing = cache_.Listing(scope_.repo, commit)) {
        for (const model::RepoFile& file : *listing) wanted_.insert(file.etag());
      }
    }
    for (const std::string& etag : etags) {
      if (needed_.contains(etag)) continue;
      if (contents_.blobs.contains(etag)) plan.paths.push_back("blobs/" + etag);
      if (contents_.partials.contains(PartialName(etag)) && !wanted_.contains(etag))
        plan.paths.push_back("blobs/" + PartialName(etag));
    }
    std::ranges::sort(plan.paths);
  }

  const Cache& cache_;
  const Scope& scope_;
  const Contents& contents_;
  std::set<std::string> needed_;  // blobs that a link which stays leads to
  std::set<std::string> wanted_;  // etags that a listing has for files which are not picked: their partial files stay
};

}  // namespace

std::string RemovalPlan::Digest() const {
  Hasher hasher = Hasher::Sha256();
  // Each text with its length: no two plans run together into one.
  const auto add = [&](std::string_view text) { hasher.Update(fmt::format("{}:{},", text.size(), text)); };
  const auto add_all = [&](const std::vector<std::string>& texts) {
    add(fmt::format("{}", texts.size()));
    for (const std::string& text : texts) add(text);
  };
  add(model::FolderName(scope.repo));
  add(scope.revision);
  add_all(scope.files.include);
  add_all(scope.files.exclude);
  for (const model::Selection& kept : scope.keep) {
    add_all(kept.include);
    add_all(kept.exclude);
  }
  add_all(paths);
  add_all(commits);
  add_all(busy);
  add(fmt::format("{} {} {} {}", whole_folder, bytes_freed, bytes_shown, files));
  add(state);
  return hasher.Finish();
}

Result<RemovalPlan> PlanRemoval(const Cache& cache, const Scope& scope) {
  RemovalPlan plan;
  plan.scope = scope;
  HOSTLER_OK(CheckRepo(scope.repo));
  if (!scope.revision.empty()) HOSTLER_OK(CheckRevision(scope.revision));
  const auto root = OpenRoot(cache.root(), Missing::kFail);
  if (!root) return root.error().code == Code::kNotFound ? Result<RemovalPlan>(plan) : Fail(root.error());
  const std::string name = model::FolderName(scope.repo);
  const auto repo = OpenBelow(*root, name, Missing::kFail);
  if (!repo) return repo.error().code == Code::kNotFound ? Result<RemovalPlan>(plan) : Fail(repo.error());
  Planner(cache, scope, ReadContents(*repo)).Decide(plan);
  Measure measure;
  if (plan.whole_folder) {
    measure.Add(*root, name, "", 0);
  } else {
    for (const std::string& path : plan.paths) {
      const std::filesystem::path whole = path;
      const auto at = OpenBelow(*repo, whole.parent_path(), Missing::kFail);
      if (at) measure.Add(*at, whole.filename().string(), path, 0);
    }
  }
  measure.Into(plan);
  if (!plan.Empty()) plan.busy = BusyBlobs(cache, scope.repo);
  return plan;
}

}  // namespace hostler::store
