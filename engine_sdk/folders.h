// The three folders of an engine server (spec/engines.md, "Folders"): models/ is the only one that is read; what lies in
// external_models/ is linked into it by name, and baked-in models win.
//
// Owner: the service. Threads: one at a time; the calls touch names only and are quick.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/log.h"

namespace hostler::engine_sdk {

class Folders {
 public:
  // `base` nullopt: a child of the daemon, which has none.
  Folders(std::optional<std::filesystem::path> base, log::Log& log);

  // /app if the program lies in it, else the program's folder.
  [[nodiscard]] static std::filesystem::path DefaultBase();

  // At the start: makes the folders, removes links to external models that went away, links the others. What cannot be done
  // is a warning: an engine with built-in models works without any folder.
  void Prepare();

  struct Found {
    std::string name;
    std::filesystem::path path;  // resolved
  };
  // What lies in models/, by name, without dangling links and those that lead outside. Links new external models first.
  [[nodiscard]] std::vector<Found> Scan();

  // The place of a model to load. `given` as in wire::LoadRequest::path.
  [[nodiscard]] Result<std::filesystem::path> Resolve(const std::string& model_id, const std::optional<std::string>& given);
  // Is there anything of that name, even a broken link?
  [[nodiscard]] bool Holds(const std::string& model_id) const;
  // `a` or `org/a`: relative, no way up, nothing hidden.
  [[nodiscard]] static bool IsPlainName(const std::string& name);
  // A reference clip.
  [[nodiscard]] Result<std::filesystem::path> Sample(const std::string& name) const;

  [[nodiscard]] bool exist() const { return base_.has_value(); }

 private:
  [[nodiscard]] std::filesystem::path models() const { return *base_ / "models"; }
  [[nodiscard]] std::filesystem::path external() const { return *base_ / "external_models"; }
  [[nodiscard]] Result<std::filesystem::path> Confined(const std::filesystem::path& path) const;
  void RemoveStaleLinks();
  void LinkExternal(bool tell_all);
  void Link(const std::filesystem::directory_entry& entry, bool tell_all);

  const std::optional<std::filesystem::path> base_;
  log::Log& log_;
};

}  // namespace hostler::engine_sdk
