// What other programs leave in a shared cache: a ref and a listing of any bytes. Whatever they are, the rest of the cache is
// told truly, a listing that is taken can be written and taken again, and no plan for deletion names anything outside.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "store/cache.h"
#include "store/doctor.h"
#include "store/layout.h"
#include "store/removal.h"
#include "store/scan.h"

namespace {

namespace fs = std::filesystem;
using namespace hostler;

[[noreturn]] void Broken(const std::string& what) {
  std::fprintf(stderr, "cache_tree_fuzz: %s\n", what.c_str());
  std::abort();
}

const std::string kCommit(40, 'a');
const model::Repo kRepo{model::RepoKind::kModel, "lab/small"};

const fs::path& Root() {
  static const fs::path path = [] {
    const fs::path memory = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    const fs::path root = memory / ("cache_tree_fuzz." + std::to_string(::getpid()));
    const fs::path repo = root / "models--lab--small";
    for (const char* folder : {"blobs", "refs", "trees"}) fs::create_directories(repo / folder);
    fs::create_directories(repo / "snapshots" / kCommit);
    std::ofstream(repo / "blobs" / std::string(64, 'b')) << "content";
    fs::create_symlink("../../blobs/" + std::string(64, 'b'), repo / "snapshots" / kCommit / "file.bin");
    return root;
  }();
  static const bool registered = std::atexit([] { fs::remove_all(Root()); }) == 0;
  static_cast<void>(registered);
  return path;
}

void CheckListing(const std::string& text) {
  const auto files = store::ParseListing(text);
  if (!files) return;
  for (const model::RepoFile& file : *files) {
    if (!model::IsFilePath(file.path) || !model::IsEtag(file.etag())) Broken("a listing was taken with the path " + file.path);
  }
  auto again = store::ParseListing(store::FormatListing(*files));
  auto before = *files;
  std::ranges::sort(before, {}, &model::RepoFile::path);
  if (!again || *again != before) Broken("a listing does not survive being written");
}

void CheckPlan(const store::Cache& cache, const store::Scope& scope) {
  const auto plan = store::PlanRemoval(cache, scope);
  if (!plan) Broken(plan.error().Text());
  for (const std::string& path : plan->paths) {
    if (path.starts_with('/') || path.contains("../")) Broken("a plan names " + path);
  }
}

}  // namespace

// The ref before the first NUL byte, the listing behind it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string ref = input.substr(0, input.find('\0'));
  const std::string listing = ref.size() < input.size() ? input.substr(ref.size() + 1) : "";
  CheckListing(listing);
  const store::Cache cache(Root());
  const fs::path repo = cache.FolderOf(kRepo);
  std::ofstream(repo / "refs/main", std::ios::binary) << ref;
  std::ofstream(repo / "trees" / (kCommit + ".json"), std::ios::binary) << listing;

  const auto presence = cache.Look(kRepo, "main", {});
  if (!presence.commit.empty() && presence.commit != ref) Broken("a ref was taken for " + presence.commit);
  if (presence.complete && (!presence.missing.empty() || presence.commit.empty())) Broken("complete, with files missing");
  static const store::Cache scanned(Root());
  static store::Scanner scanner(scanned);
  const auto scan = scanner.Now();
  if (scan->repos.size() != 1 || scan->repos[0].size != 7) Broken("the scan lost the repository");
  if (scan->repos[0].problem.empty() != (ref == kCommit)) Broken("the scan does not tell what is wrong with the ref");
  CheckPlan(cache, {kRepo, "main", {}, {}});
  CheckPlan(cache, {kRepo, "", {{"*.bin"}, {}}, {{{"a*"}, {}}}});
  if (!store::Examine(cache, {})) Broken("the examination failed");
  return 0;
}
