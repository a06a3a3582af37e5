#include "engine_sdk/folders.h"

#include <algorithm>

#include "base/text.h"
#include "os/files.h"

namespace hostler::engine_sdk {
namespace fs = std::filesystem;
namespace {

bool LiesIn(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

std::vector<fs::directory_entry> Entries(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (!it->path().filename().native().starts_with('.')) entries.push_back(*it);
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool IsThere(const fs::path& path) {  // even as a broken link
  std::error_code ec;
  return fs::symlink_status(path, ec).type() != fs::file_type::not_found && !ec;
}

// Where a link points, made absolute but not resolved: the target may be gone.
fs::path Target(const fs::path& link) {
  std::error_code ec;
  const fs::path target = fs::read_symlink(link, ec);
  return (target.is_absolute() ? target : link.parent_path() / target).lexically_normal();
}

}  // namespace

Folders::Folders(std::optional<fs::path> base, log::Log& log)
    : base_(base ? std::optional(fs::absolute(*base).lexically_normal()) : std::nullopt), log_(log) {}

bool Folders::IsPlainName(const std::string& name) {
  if (name.empty() || name.size() > 512 || name.find('\0') != std::string::npos) return false;
  for (const std::string_view part : Split(name, '/')) {
    if (part.empty() || part.starts_with('.')) return false;
  }
  return true;
}

fs::path Folders::DefaultBase() {
  const fs::path program = os::ProgramFolder();
  std::error_code ec;
  return fs::is_directory("/app", ec) && LiesIn(program, "/app") ? fs::path("/app") : program;
}

void Folders::Prepare() {
  if (!base_) return;
  for (const fs::path& folder : {models(), external(), *base_ / "samples"}) {
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) log_.Warning("Cannot make {}: {}. Models that need no files still work.", folder.string(), ec.message());
  }
  RemoveStaleLinks();
  LinkExternal(true);
}

void Folders::RemoveStaleLinks() {
  for (const auto& entry : Entries(models())) {
    std::error_code ec;
    if (!entry.is_symlink(ec) || fs::exists(entry.path(), ec)) continue;
    const std::string name = entry.path().filename();
    if (!LiesIn(Target(entry.path()), external())) {
      log_.Warning("Skipped model {}: its link leads to nothing ({})", name, Target(entry.path()).string());
    } else if (fs::remove(entry.path(), ec)) {
      log_.Info("Removed link of model {}: it is no longer in external_models", name);
    } else {
      log_.Warning("Cannot remove the stale link of model {}: {}", name, ec.message());
    }
  }
}

void Folders::LinkExternal(bool tell_all) {
  for (const auto& entry : Entries(external())) Link(entry, tell_all);
}

void Folders::Link(const fs::directory_entry& entry, bool tell_all) {
  const std::string name = entry.path().filename();
  const fs::path link = models() / name;
  std::error_code ec;
  if (IsThere(link)) {
    if (tell_all && !(fs::is_symlink(link, ec) && Target(link) == entry.path())) {
      log_.Info("Kept baked-in model {}: the one in external_models is not used", name);
    }
    return;
  }
  if (const auto resolved = Confined(entry.path()); !resolved) {
    if (tell_all) log_.Warning("Skipped external model {}: {}", name, resolved.error().message);
    return;
  }
  fs::create_symlink(entry.path(), link, ec);
  if (ec)
    log_.Warning("Cannot link external model {}: {}", name, ec.message());
  else
    log_.Info("Linked external model {}", name);
}

Result<fs::path> Folders::Confined(const fs::path& path) const {
  std::error_code ec;
  if (IsThere(path) && !fs::exists(path, ec)) {
    return Fail(Code::kNotFound, "its link leads to nothing", "Mount external_models/ again, or remove the link.");
  }
  auto resolved = os::Confine(path, {models(), external()});
  if (!resolved && resolved.error().code == Code::kForbidden) {
    return Fail(Code::kForbidden, "its path leads outside models/ and external_models/",
                "Copy or mount the files into external_models/.");
  }
  return resolved;
}

std::vector<Folders::Found> Folders::Scan() {
  std::vector<Found> found;
  if (!base_) return found;
  LinkExternal(false);
  for (const auto& entry : Entries(models())) {
    if (auto resolved = Confined(entry.path())) found.push_back({entry.path().filename(), *std::move(resolved)});
  }
  return found;
}

bool Folders::Holds(const std::string& model_id) const {
  return base_ && IsPlainName(model_id) && (IsThere(models() / model_id) || IsThere(external() / model_id));
}

Result<fs::path> Folders::Resolve(const std::string& model_id, const std::optional<std::string>& given) {
  if (!base_) {
    if (!given) return Fail(Error{Code::kInvalid, "a model that is not built in needs its path"}.At("path"));
    std::error_code ec;
    if (!fs::exists(*given, ec)) return Fail(Error{Code::kNotFound, fmt::format("there is no \"{}\"", *given)}.At("path"));
    return fs::path(*given);
  }
  if (!given && !IsPlainName(model_id)) {
    return Fail(Error{Code::kForbidden, fmt::format("\"{}\" cannot be the name of a model", model_id),
                      "Use the name of a file or folder in models/."}
                    .At("model_id"));
  }
  LinkExternal(false);
  fs::path path = given ? (*base_ / *given) : models() / model_id;
  if (!given && !IsThere(path)) path = external() / model_id;  // was not linked: this says why
  auto resolved = Confined(path);
  if (resolved) return resolved;
  Error error = std::move(resolved).error();
  error.message = fmt::format("model \"{}\": {}", model_id, error.message);
  error.field = given ? "path" : "model_id";
  if (error.code == Code::kNotFound && !IsThere(path)) {
    std::vector<std::string> names;
    for (const auto& found : Scan()) names.push_back(found.name);
    const std::string near = Nearest(model_id, names);
    error.message = fmt::format("there is no model \"{}\"", model_id);
    error.remedy = near.empty() ? std::string("Put it into external_models/, or use one that GET /models lists.")
                                : fmt::format("Did you mean \"{}\"?", near);
  }
  return Fail(std::move(error));
}

Result<fs::path> Folders::Sample(const std::string& name) const {
  if (!base_)
    return Fail(Error{Code::kUnsupported, "this engine has no samples folder", "Send the reference audio itself."}.At("sample"));
  const fs::path samples = *base_ / "samples";
  if (!IsPlainName(name))
    return Fail(Error{Code::kForbidden, fmt::format("\"{}\" cannot be the name of a sample", name)}.At("sample"));
  auto resolved = os::Confine(samples / name, {samples});
  if (!resolved) {
    Error error = std::move(resolved).error();
    error.field = "sample";
    if (error.code == Code::kNotFound) {
      error.message = fmt::format("there is no sample \"{}\"", name);
      error.remedy = "Put the WAV file into samples/.";
    }
    return Fail(std::move(error));
  }
  return resolved;
}

}  // namespace hostler::engine_sdk
