#include "store/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace hostler::store {
namespace {

std::unexpected<Error> Refuse(std::string_view what, std::string_view value) {
  return Fail(Error{Code::kInvalid,
                    fmt::format("\"{}\" is no {}", Clip(Printable(value), 200), what),
                    "Nothing was written; look at who named it so.",
                    {},
                    {}});
}

// ASCII only, as Python's json writes it.
void AppendAscii(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      if (byte == '"' || byte == '\\') out += '\\';
      out += text[i++];
      continue;
    }
    const std::size_t size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    std::uint32_t point = byte & (0xff >> (size + 1));
    for (std::size_t k = 1; k < size; ++k) point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    i += size;
    if (point >= 0x10000) {
      point -= 0x10000;
      fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xd800 + (point >> 10), 0xdc00 + (point & 0x3ff));
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", point);
    }
  }
  out += '"';
}

std::optional<std::uint64_t> SizeOf(const boost::json::object& object, std::string_view name) {
  const json::Any* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  boost::system::error_code error;
  const auto size = value->to_number<std::uint64_t>(error);
  // What no disk holds is no size, and sums of these must not overflow.
  return error || size > (std::uint64_t{1} << 53) ? std::nullopt : std::optional(size);
}

// False if the member is there and is no text.
bool TextOf(const boost::json::object& object, std::string_view name, std::optional<std::string>& out) {
  const json::Any* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return true;
  if (!value->is_string()) return false;
  out = std::string(value->get_string());
  return true;
}

std::optional<model::RepoFile> ParseEntry(std::string_view path, const json::Any& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  model::RepoFile file;
  file.path = path;
  const auto size = SizeOf(*object, "size");
  std::optional<std::string> blob_id;
  if (!size || !TextOf(*object, "blob_id", blob_id) || !blob_id || !TextOf(*object, "lfs_sha256", file.sha256) ||
      !TextOf(*object, "xet_hash", file.xet_hash))
    return std::nullopt;
  file.size = *size;
  if (file.sha256) file.size = SizeOf(*object, "lfs_size").value_or(*size);
  file.blob_id = std::move(*blob_id);
  if (!CheckFile(file)) return std::nullopt;
  return file;
}

}  // namespace

std::string PartialName(std::string_view etag) {
  return std::string(etag).append(kPartialSuffix);
}

std::string LinkTarget(std::string_view path, std::string_view etag) {
  std::string target = "../../";
  for (const char c : path) {
    if (c == '/') target += "../";
  }
  return target.append("blobs/").append(etag);
}

Result<> CheckRepo(const model::Repo& repo) {
  const auto back = model::RepoOfFolder(model::FolderName(repo));
  if (!back || *back != repo) return Refuse("repository id", repo.id);
  return {};
}

Result<> CheckCommit(std::string_view commit) {
  if (!model::IsCommit(commit)) return Refuse("commit (40 hex characters)", commit);
  return {};
}

Result<> CheckEtag(std::string_view etag, std::string_view path) {
  if (model::IsEtag(etag)) return {};
  if (etag.contains('*')) {
    return Fail(Error{Code::kUpstream,
                      fmt::format("the hub hides the hash of \"{}\"", Clip(Printable(path), 200)),
                      "The repository is gated: accept its terms on its page, then set a token.",
                      {},
                      "gated"});
  }
  return Refuse("blob name (40 or 64 hex characters)", etag);
}

Result<> CheckRevision(std::string_view revision) {
  if (!model::IsRevision(revision)) return Refuse("revision", revision);
  return {};
}

Result<> CheckFile(const model::RepoFile& file) {
  if (!model::IsFilePath(file.path)) return Refuse("path of a file in a repository", file.path);
  HOSTLER_OK(CheckEtag(file.blob_id, file.path));
  if (file.blob_id.size() != 40) return Refuse("git blob id (40 hex characters)", file.blob_id);
  if (file.sha256) {
    HOSTLER_OK(CheckEtag(*file.sha256, file.path));
    if (file.sha256->size() != 64) return Refuse("SHA-256 (64 hex characters)", *file.sha256);
  }
  if (file.xet_hash && (file.xet_hash->size() != 64 || !model::IsEtag(*file.xet_hash))) return Refuse("xet hash", *file.xet_hash);
  return {};
}

Result<Folder> OpenRepo(const std::filesystem::path& root, const model::Repo& repo, Missing missing) {
  HOSTLER_OK(CheckRepo(repo));
  HOSTLER_TRY(const Folder top, OpenRoot(root, missing));
  return OpenBelow(top, model::FolderName(repo), missing);
}

std::string FormatListing(std::vector<model::RepoFile> files) {
  std::ranges::sort(files, {}, &model::RepoFile::path);
  std::string out = "{\n \"format_version\": 1,\n \"files\": {";
  bool first = true;
  for (const model::RepoFile& file : files) {
    out += first ? "\n  " : ",\n  ";
    first = false;
    AppendAscii(out, file.path);
    fmt::format_to(std::back_inserter(out), ": {{\n   \"size\": {},\n   \"blob_id\": \"{}\"", file.size, file.blob_id);
    if (file.sha256) {
      fmt::format_to(std::back_inserter(out), ",\n   \"lfs_sha256\": \"{}\",\n   \"lfs_size\": {}", *file.sha256, file.size);
    }
    if (file.xet_hash) fmt::format_to(std::back_inserter(out), ",\n   \"xet_hash\": \"{}\"", *file.xet_hash);
    out += "\n  }";
  }
  out += first ? "}\n}" : "\n }\n}";
  return out;
}

std::optional<std::vector<model::RepoFile>> ParseListing(std::string_view text) {
  const auto dom = json::ParseDom(text);
  const auto* object = dom ? dom->if_object() : nullptr;
  if (object == nullptr || SizeOf(*object, "format_version") != 1) return std::nullopt;
  const json::Any* listed = object->if_contains("files");
  if (listed == nullptr || !listed->is_object()) return std::nullopt;
  std::vector<model::RepoFile> files;
  files.reserve(listed->get_object().size());
  for (const auto& member : listed->get_object()) {
    auto file = ParseEntry(member.key(), member.value());
    if (!file) return std::nullopt;
    files.push_back(std::move(*file));
  }
  return files;
}

std::optional<std::string> ReadRef(const Folder& repo, std::string_view revision) {
  if (!model::IsRevision(revision)) return std::nullopt;
  const std::filesystem::path path = std::filesystem::path("refs") / revision;
  const auto folder = OpenBelow(repo, path.parent_path(), Missing::kFail);
  if (!folder) return std::nullopt;
  auto text = ReadBelow(*folder, path.filename().string(), 64);
  return text && model::IsCommit(*text) ? std::move(text) : std::nullopt;
}

}  // namespace hostler::store
