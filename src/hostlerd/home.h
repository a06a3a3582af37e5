// The daemon's folder: one holder at a time, nothing left from a killed run.
//
//   HOME/run/lock            held while the daemon lives
//   HOME/run/daemon.json     {"url","pid"}: how the command line finds it
//   HOME/run/engines/*.sock  one socket per engine process
//   HOME/crashes/*.json      crash dossiers
//   HOME/tmp/                uploads too large for memory
//
// Owner: hostlerd. Threads: the control thread, at start and end; it blocks on the disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "log/log.h"
#include "os/files.h"

namespace hostler::hostlerd {

class Home {
 public:
  // Makes the folders and takes the lock. The error is named kInUse, and says by whom, if another daemon holds it.
  static constexpr const char* kInUse = "home_in_use";
  [[nodiscard]] static Result<Home> Open(const std::filesystem::path& folder);
  Home(Home&&) noexcept = default;

  // For a folder that was removed under way: makes it again, takes the lock again if that is gone, writes the address again, and
  // opens the folder of sockets. kConflict if another daemon has come in between.
  [[nodiscard]] Result<os::Descriptor> Reopen();

  // Ends engines that a killed daemon left behind and removes their sockets and unfinished uploads.
  void CleanUp(log::Log& log) const;

  [[nodiscard]] Result<> WriteAddress(const std::string& url);
  void RemoveAddress() const;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path sockets() const { return folder_ / "run" / "engines"; }
  [[nodiscard]] std::filesystem::path crashes() const { return folder_ / "crashes"; }
  [[nodiscard]] std::filesystem::path temporary() const { return folder_ / "tmp"; }
  // In the environment of every engine of this home.
  [[nodiscard]] std::string Marker() const { return "HOSTLER_ENGINE_HOME=" + folder_.string(); }

 private:
  Home(std::filesystem::path folder, os::LockFile lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}
  std::filesystem::path folder_;
  os::LockFile lock_;
  std::string url_;  // as written
};

}  // namespace hostler::hostlerd
