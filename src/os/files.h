// Files: read with a limit, replaced atomically, locked.
//
// Threads: any; everything here blocks on the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/descriptor.h"

namespace hostler::os {

[[nodiscard]] Result<std::string> ReadFile(const std::filesystem::path& path, std::uint64_t limit = 64 << 20);
// Written beside it, flushed, renamed: readers see the old or the new content, never half.
[[nodiscard]] Result<> WriteFileAtomically(const std::filesystem::path& path, std::string_view content, unsigned mode = 0600);
[[nodiscard]] Result<> MakeDirectories(const std::filesystem::path& path, unsigned mode = 0700);

// An exclusive flock that is held as long as the object lives and released by the kernel if the process is killed.
// kConflict if somebody else holds it; the message says which pid, if the holder wrote it.
class LockFile {
 public:
  [[nodiscard]] static Result<LockFile> Take(const std::filesystem::path& path);
  LockFile(LockFile&&) noexcept = default;
  LockFile& operator=(LockFile&&) noexcept = default;
  // Whether the file at `path` is the one that is locked: it may have been removed or replaced since.
  [[nodiscard]] bool IsAt(const std::filesystem::path& path) const;

 private:
  explicit LockFile(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
};

// A listening Unix socket; a path longer than sun_path allows is bound through /proc/self/fd. Mode 0600.
// Replaces a socket that nobody listens on any more; kConflict if somebody does, or if another kind of file is there.
[[nodiscard]] Result<Descriptor> ListenUnix(const std::filesystem::path& path);

// A path for connect() to `directory_fd`/`name`, however long the directory's own path is.
[[nodiscard]] std::string ShortPath(int directory_fd, std::string_view name);

// `path` with links resolved, if it lies in one of `roots` (also resolved); kForbidden otherwise (also
// for what is not there, so that nothing is learnt about the outside), kNotFound if it is missing inside.
[[nodiscard]] Result<std::filesystem::path> Confine(const std::filesystem::path& path,
                                                    const std::vector<std::filesystem::path>& roots);

// Folder of the running program.
[[nodiscard]] std::filesystem::path ProgramFolder();

}  // namespace hostler::os
