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

// "2026-01-15T10-30-45…", as NewDossierId() begins.
bool BeginsWithTime(std::string_view name) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd-dd-dd";
  return name.size() > kShape.size() && std::equal(kShape.begin(), kShape.end(), name.begin(), [](char shape, char c) {
           return shape == 'd' ? c >= '0' && c <= '9' : c == shape;
         });
}

std::vector<std::filesystem::path> Files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code ec;
  for (std::filesystem::directory_iterator item(folder, ec), end; !ec && item != end; item.increment(ec)) {
    // Only what Save() makes counts: whatever else somebody keeps here is neither read nor removed.
    std::error_code gone;
    if (item->path().extension() == ".json" && BeginsWithTime(item->path().filename().native()) &&
        item->symlink_status(gone).type() == std::filesystem::file_type::regular) {
      files.push_back(item->path());
    }
  }
  std::sort(files.begin(), files.end(), std::greater<>());  // names begin with the time
  return files;
}

}  // namespace

std::string RemedyOf(const Dossier& dossier) {
  const std::string more = fmt::format("`hostler crashes {}` shows all that is known.", dossier.id);
  return dossier.remedy ? *dossier.remedy + " " + more : more;
}

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
    if (dossiers.size() >= kKept) break;
    if (auto dossier = Read(file.stem().string())) dossiers.push_back(std::move(*dossier));
  }
  return dossiers;
}

Result<Dossier> DossierStore::Read(const std::string& id) const {
  const auto unknown = [&] {
    return Fail(Code::kNotFound, fmt::format("there is no crash report \"{}\"", id), "GET /api/crashes lists them.");
  };
  if (!IsPlainId(id)) return unknown();
  const std::filesystem::path file = folder_ / (id + ".json");
  std::error_code ec;
  if (std::filesystem::symlink_status(file, ec).type() != std::filesystem::file_type::regular) return unknown();
  auto text = os::ReadFile(file, kLongest);
  if (!text) return unknown();
  return json::Parse<Dossier>(*text, json::Unknown::kIgnore);
}

}  // namespace hostler::engines
