#include "hub/listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace hostler::hub {
namespace {

using json::Any;

Error Strange(std::string what) {
  return Error{
      Code::kUpstream, std::move(what), "Look whether HF_ENDPOINT names a Hugging Face hub or a mirror of it.", {}, "not_a_hub"};
}

std::string_view Text(const boost::json::object& object, std::string_view name) {
  const Any* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view{};
}

std::optional<std::uint64_t> Size(const boost::json::object& object, std::string_view name) {
  const Any* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value->get_int64());
}

bool IsHidden(std::string_view hash) {
  return !hash.empty() && hash.find_first_not_of('*') == hash.npos;
}

Result<model::RepoFile> ParseFile(const boost::json::object& entry, std::size_t index) {
  const auto wrong = [&](std::string_view what) {
    Error error = Strange(fmt::format("the hub's listing has a file {}: {}", what, Clip(Printable(Text(entry, "path")), 200)));
    return Fail(std::move(error).At(fmt::format("[{}]", index)));
  };
  model::RepoFile file;
  file.path = Text(entry, "path");
  if (!model::IsFilePath(file.path)) return wrong("whose name is not allowed");
  const auto size = Size(entry, "size");
  if (!size) return wrong("without a size");
  file.size = *size;
  const std::string_view blob = Text(entry, "oid");
  if (!IsHidden(blob)) {
    if (blob.size() != 40 || !model::IsEtag(blob)) return wrong("whose hash is none");
    file.blob_id = blob;
  }
  if (const Any* lfs = entry.if_contains("lfs"); lfs != nullptr && lfs->is_object()) {
    const std::string_view hash = Text(lfs->get_object(), "oid");
    if (!IsHidden(hash) && (hash.size() != 64 || !model::IsEtag(hash))) return wrong("whose hash is none");
    if (IsHidden(hash)) {
      file.blob_id.clear();  // what is left is the pointer's
    } else {
      file.sha256 = hash;
    }
    if (const auto large = Size(lfs->get_object(), "size"); large && *large != file.size) return wrong("with two sizes");
  }
  const std::string_view xet = Text(entry, "xetHash");
  if (xet.size() == 64 && model::IsEtag(xet)) file.xet_hash = xet;
  return file;
}

}  // namespace

Result<std::string> ParseInfo(std::string_view text) {
  const Result<Any> dom = json::ParseDom(text);
  if (!dom || !dom->is_object()) return Fail(Strange("the hub's answer about the repository is no JSON object"));
  const std::string_view commit = Text(dom->get_object(), "sha");
  if (!model::IsCommit(commit))
    return Fail(Strange(fmt::format("the hub named no commit, but \"{}\"", Clip(Printable(commit), 100))).At("sha"));
  return std::string(commit);
}

Result<std::vector<model::RepoFile>> ParseTree(std::string_view text) {
  const Result<Any> dom = json::ParseDom(text);
  if (!dom || !dom->is_array()) return Fail(Strange("the hub's listing is no JSON array"));
  std::vector<model::RepoFile> files;
  for (const Any& item : dom->get_array()) {
    const std::size_t index = static_cast<std::size_t>(&item - dom->get_array().begin());
    if (!item.is_object())
      return Fail(Strange("the hub's listing has an entry that is no object").At(fmt::format("[{}]", index)));
    if (Text(item.get_object(), "type") != "file") continue;
    HOSTLER_TRY(model::RepoFile file, ParseFile(item.get_object(), index));
    files.push_back(std::move(file));
  }
  return files;
}

Result<> ListingOfPages::Add(std::vector<model::RepoFile> page) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 62;
  const auto refuse = [&](std::string_view path, std::string_view what) {
    return Fail(Strange(fmt::format("the listing of {} has {} {}", repo_, Clip(Printable(path), 200), what)));
  };
  for (model::RepoFile& file : page) {
    const std::string_view path = file.path;
    for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
      const std::string_view folder = path.substr(0, slash);
      if (files_.contains(folder))
        return refuse(folder, fmt::format("as a file and as a folder ({})", Clip(Printable(path), 200)));
      if (!folders_.contains(folder)) folders_.emplace(folder);
    }
    if (folders_.contains(path)) return refuse(path, "as a file and as a folder");
    if (file.size > kMostBytes - bytes_) return refuse(path, fmt::format("with a size that cannot be: {} bytes", file.size));
    bytes_ += file.size;
    std::string name = file.path;
    if (const auto [at, added] = files_.try_emplace(std::move(name), std::move(file)); !added) return refuse(at->first, "twice");
  }
  return {};
}

std::vector<model::RepoFile> ListingOfPages::Take() && {
  std::vector<model::RepoFile> files;
  files.reserve(files_.size());
  for (auto& [path, file] : files_) files.push_back(std::move(file));
  return files;
}

std::string ErrorText(std::string_view body) {
  std::string text(body.substr(0, 4096));
  if (const Result<Any> dom = json::ParseDom(body); dom && dom->is_object()) {
    const auto& object = dom->get_object();
    text = Text(object, "error");
    const Any* errors = object.if_contains("errors");
    if (text.empty() && errors != nullptr && errors->is_array() && !errors->get_array().empty() &&
        errors->get_array()[0].is_object())
      text = Text(errors->get_array()[0].get_object(), "message");
  } else if (Trim(body).starts_with('<')) {
    text.clear();  // a page for browsers
  }
  return Clip(Printable(Trim(text)), 300);
}

}  // namespace hostler::hub
