#include "store/shelf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "base/text.h"
#include "model/repo.h"
#include "os/files.h"
#include "store/folder.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNames = 200;
constexpr int kDeepest = 32;

bool IsHidden(const std::string& name) {
  return name.starts_with('.');
}

// Names and sizes below a folder; files through links, as an engine would read them.
void Measure(const Folder& at, const std::string& prefix, int depth, ShelfItem& item) {
  std::vector<std::string> names;
  ForEachEntry(at, [&](const char* name, unsigned char) { names.emplace_back(name); });
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const auto status = StatBelow(at, name, true);
    if (!status) continue;
    if (S_ISDIR(status->st_mode)) {
      const auto folder = depth < kDeepest ? OpenBelow(at, name, Missing::kFail) : Fail(Code::kInvalid, "too deep");
      if (folder) Measure(*folder, prefix + name + "/", depth + 1, item);
      continue;
    }
    if (!S_ISREG(status->st_mode)) continue;
    item.bytes += static_cast<std::uint64_t>(status->st_size);
    if (item.files.size() < kMostNames) item.files.push_back(prefix + name);
  }
}

// A folder with nothing but folders and links in it holds models of one namespace: `Qwen/…`.
bool IsNamespace(const Folder& folder) {
  bool any = false;
  bool file = false;
  ForEachEntry(folder, [&](const char* name, unsigned char) {
    const auto status = StatBelow(folder, name);
    if (!status || IsHidden(name)) return;
    any = true;
    file = file || S_ISREG(status->st_mode);
    const auto target = S_ISLNK(status->st_mode) ? StatBelow(folder, name, true) : status;
    file = file || (target && S_ISREG(target->st_mode));
  });
  return any && !file;
}

using Found = std::function<void(const std::string& name, const struct stat& status)>;

// Every name under which a model may stand: direct entries, and those of namespaces.
void EachName(const Folder& shelf, const Found& found) {
  std::vector<std::string> names;
  ForEachEntry(shelf, [&](const char* name, unsigned char) { names.emplace_back(name); });
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const auto status = StatBelow(shelf, name);
    if (!status || IsHidden(name)) continue;
    const auto folder = S_ISDIR(status->st_mode) ? OpenBelow(shelf, name, Missing::kFail) : Fail(Code::kInvalid, "no folder");
    if (!folder || !IsNamespace(*folder)) {
      found(name, *status);
      continue;
    }
    std::vector<std::string> inner;
    ForEachEntry(*folder, [&](const char* entry, unsigned char) { inner.emplace_back(entry); });
    std::ranges::sort(inner);
    for (const std::string& entry : inner) {
      const auto below = StatBelow(*folder, entry);
      if (below && !IsHidden(entry)) found(fmt::format("{}/{}", name, entry), *below);
    }
  }
}

// Where a link leads by its text alone: it may dangle, and still be one of ours.
fs::path Leads(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  const fs::path whole = target.is_absolute() ? target : link.parent_path() / target;
  return fs::weakly_canonical(whole, error);
}

bool LiesIn(const fs::path& path, const fs::path& root) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(root, error);
  return std::mismatch(real.begin(), real.end(), path.begin(), path.end()).first == real.end();
}

}  // namespace

Shelf::Shelf(fs::path base, fs::path cache_root) : base_(std::move(base)), cache_root_(std::move(cache_root)) {}

fs::path Shelf::models() const {
  return base_ / "models";
}

Result<> Shelf::Link(const std::string& name, const fs::path& target) const {
  if (!model::IsFilePath(name))
    return Fail(Code::kInvalid, fmt::format("\"{}\" is no name for a model's folder", Clip(Printable(name), 200)),
                "Use a plain name.");
  HOSTLER_TRY(const fs::path real, os::Confine(target, {cache_root_, base_ / "external_models", models()}));
  HOSTLER_TRY(const Folder shelf, OpenRoot(models(), Missing::kMake));
  const fs::path path = name;
  HOSTLER_TRY(const Folder at, OpenBelow(shelf, path.parent_path(), Missing::kMake));
  const std::string last = path.filename().string();
  const auto status = StatBelow(at, last);
  const fs::path there = models() / path;
  if (status && !S_ISLNK(status->st_mode)) {
    return Fail(Code::kConflict, fmt::format("\"{}\" is no link: what was built in stays", there.string()),
                "Rename it if the downloaded model shall be used instead.");
  }
  const fs::path old = Leads(there);
  if (status && !LiesIn(old, cache_root_) && !LiesIn(old, base_)) {
    return Fail(Code::kConflict, fmt::format("\"{}\" is a link of somebody else's, to \"{}\"", there.string(), old.string()),
                "Remove it if the downloaded model shall be used instead.");
  }
  // What lies beside models/ is named from there, so that the whole may be moved.
  std::error_code error;
  const fs::path home = fs::canonical(at.path, error);
  const fs::path text = LiesIn(real, base_) && !error ? real.lexically_relative(home) : real;
  if (status && fs::read_symlink(there, error) == text) return {};
  const std::string temporary = ScratchName();
  if (::symlinkat(text.c_str(), at.fd.get(), temporary.c_str()) != 0) return Fail(DiskError(errno, "link", there));
  if (::renameat(at.fd.get(), temporary.c_str(), at.fd.get(), last.c_str()) == 0) return {};
  const int why = errno;
  ::unlinkat(at.fd.get(), temporary.c_str(), 0);
  return Fail(DiskError(why, "link", there));
}

Result<> Shelf::Unlink(const std::string& name) const {
  const fs::path path = name;
  const fs::path there = models() / path;
  const auto absent = [&] {
    return Fail(Code::kNotFound, fmt::format("\"{}\" is no link of ours", there.string()), "There is nothing to remove.");
  };
  const auto shelf = model::IsFilePath(name) ? OpenRoot(models(), Missing::kFail) : Fail(Code::kInvalid, "no name");
  const auto at = shelf ? OpenBelow(*shelf, path.parent_path(), Missing::kFail) : Fail(Code::kNotFound, "no shelf");
  const auto status = at ? StatBelow(*at, path.filename().string()) : std::nullopt;
  if (!status || !S_ISLNK(status->st_mode)) return absent();
  if (const fs::path old = Leads(there); !LiesIn(old, cache_root_) && !LiesIn(old, base_)) return absent();
  if (::unlinkat(at->fd.get(), path.filename().c_str(), 0) != 0) return Fail(DiskError(errno, "remove", there));
  if (path.has_parent_path()) ::unlinkat(shelf->fd.get(), path.parent_path().c_str(), AT_REMOVEDIR);  // if it is empty now
  return {};
}

std::vector<ShelfItem> Shelf::List(std::vector<std::string>* passed_over) const {
  std::vector<ShelfItem> items;
  const auto shelf = OpenRoot(models(), Missing::kFail);
  if (!shelf) return items;
  EachName(*shelf, [&](const std::string& name, const struct stat& status) {
    ShelfItem item;
    item.name = name;
    item.is_link = S_ISLNK(status.st_mode);
    const fs::path there = models() / name;
    const auto real = os::Confine(there, {models(), base_ / "external_models", cache_root_});
    if (!real) {
      std::error_code error;
      const bool dangling = item.is_link && !fs::exists(there, error);
      if (passed_over != nullptr) {
        passed_over->push_back(fmt::format(
            "\"{}\" {}.", there.string(), dangling ? "is a link that leads nowhere" : "leads outside of the folders for models"));
      }
      return;
    }
    item.path = *real;
    if (const auto folder = OpenRoot(*real, Missing::kFail)) {
      item.is_folder = true;
      Measure(*folder, "", 0, item);
    } else {
      std::error_code error;
      const auto size = fs::file_size(*real, error);
      if (!error) item.bytes = size;
    }
    items.push_back(std::move(item));
  });
  std::ranges::sort(items, {}, &ShelfItem::name);
  return items;
}

Result<> Shelf::LinkExternal() const {
  const fs::path folder = base_ / "external_models";
  const auto external = OpenRoot(folder, Missing::kFail);
  if (!external) return external.error().code == Code::kNotFound ? Result<>{} : Fail(external.error());
  Result<> done;
  EachName(*external, [&](const std::string& name, const struct stat&) {
    std::error_code error;
    const auto there = fs::symlink_status(models() / name, error);
    if (there.type() == fs::file_type::not_found ||
        (fs::is_symlink(there) && Leads(models() / name) != fs::weakly_canonical(folder / name, error) &&
         !fs::exists(models() / name, error))) {
      auto linked = Link(name, folder / name);
      // What leads elsewhere from there is not served; one such must not keep the others away.
      if (!linked && linked.error().code != Code::kForbidden && linked.error().code != Code::kNotFound &&
          linked.error().code != Code::kConflict)
        done = std::move(linked);
    }
  });
  return done;
}

}  // namespace hostler::store
