#include "engines/dossier.h"

#include <algorithm>

#include <fmt/format.h>

#include "os/files.h"

namespace hostler::engines {
namespace {

// Ids come from URLs: only what Save() makes is let through to the file system.
bool IsPlainId(std::string_view id) {
  return !id.empty() && id.size() < 200 && id[0] != '.' &&
         std::all_of(
             id.begin(), id.end(),
             [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                      c == '.';
             });
}

std::vector<std::filesystem::path> Files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code ec;
  for (std::filesystem::directory_iterator item(folder, ec), end; !ec && item != end; item.increment(ec)) {
    if (item->path().extension() == ".json") files.push_back(item->path());
  }
  std::sort(files.begin(), files.end(), std::greater<>());  // names begin with the time
  return files;
}

}  // namespace

Result<> DossierStore::Save(const Dossier& dossier) {
  if (!IsPlainId(dossier.id)) return Fail(Code::kInternal, "a crash dossier with an odd id: " + dossier.id);
  HOSTLER_OK(os::MakeDirectories(folder_));
  HOSTLER_OK(os::WriteFileAtomically(folder_ / (dossier.id + ".json"), json::ToJson(dossier)));
  const auto files = Files(folder_);
  for (std::size_t i = kKept; i < files.size(); ++i) {
    std::error_code ec;
    std::filesystem::remove(files[i], ec);
  }
  return {};
}

std::vector<Dossier> DossierStore::List() const {
  std::vector<Dossier> dossiers;
  for (const auto& file : Files(folder_)) {
    if (auto dossier = Read(file.stem().string())) dossiers.push_back(std::move(*dossier));
  }
  return dossiers;
}

Result<Dossier> DossierStore::Read(const std::string& id) const {
  const auto unknown = [&] {
    return Fail(Code::kNotFound, fmt::format("there is no crash report \"{}\"", id), "GET /api/crashes lists them.");
  };
  if (!IsPlainId(id)) return unknown();
  auto text = os::ReadFile(folder_ / (id + ".json"));
  if (!text) return unknown();
  return json::Parse<Dossier>(*text, json::Unknown::kIgnore);
}

}  // namespace hostler::engines
