// Folders of the cache, opened step by step without following links: whatever links others put there, nothing is written
// outside. And what a failed write becomes: an Error that says where, who, and how much room there is. Internal to this room.
//
// Owner: whoever opened it. Threads: any; everything here blocks on the disk.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/descriptor.h"

namespace hostler::store {

// An open folder and the path that people know it by.
struct Folder {
  os::Descriptor fd;
  std::filesystem::path path;
};

enum class Missing { kFail, kMake };  // a folder that is not there

// The error of a system call: disk full and missing rights carry what somebody needs to mend them. `needed`: bytes, if known.
[[nodiscard]] Error DiskError(int error, std::string_view tried, const std::filesystem::path& path, std::uint64_t needed = 0);

// The root itself may be a link: that is the user's own choice of a place.
[[nodiscard]] Result<Folder> OpenRoot(const std::filesystem::path& root, Missing missing);
// `relative` below `at`, no part of it a link. "" is `at` itself.
[[nodiscard]] Result<Folder> OpenBelow(const Folder& at, const std::filesystem::path& relative, Missing missing);

// A regular file, read whole; nothing if it is no such file, a link, or larger than `limit`.
[[nodiscard]] std::optional<std::string> ReadBelow(const Folder& at, const std::string& name, std::uint64_t limit);

// Written to a temporary name in `scratch` and renamed: readers see the old or the new content, never half. Mode by umask.
[[nodiscard]] Result<> WriteBelow(const Folder& at, const std::string& name, std::string_view content, const Folder& scratch);

// A name for something that is renamed in a moment; what a crash leaves behind is recognised by it.
[[nodiscard]] std::string ScratchName();
[[nodiscard]] bool IsScratchName(std::string_view name);

[[nodiscard]] std::optional<struct stat> StatBelow(const Folder& at, const std::string& name, bool follow = false);

// Every entry but "." and ".."; false if the folder could not be read to its end.
bool ForEachEntry(const Folder& at, const std::function<void(const char* name, unsigned char type)>& visit);

}  // namespace hostler::store
