// Reading one folder of the cache for a scan: what du would count of it, and what huggingface_hub would see in it.
// Internal to this room.
//
// Owner: the scanner. Threads: its own; everything here blocks on the disk.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/folder.h"
#include "store/scan.h"

namespace hostler::store {

// What one file, folder or link takes on disk. A file with several names counts once, as du has it.
struct Taken {
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t bytes = 0;
  friend auto operator<=>(const Taken&, const Taken&) = default;
};

struct Reading {
  std::vector<Taken> taken;         // sorted, each once
  std::vector<std::string> errors;  // what could not be read
  bool foreign = false;             // depends on files outside of it: it has to be read each time
};

// Told of every folder before its entries are read, so that no change is missed.
using Watch = std::function<void(int folder)>;

// The entry `name` of `root` and all below it.
[[nodiscard]] Reading ReadTree(const Folder& root, const std::string& name, const Watch& watch);
// The same of a repository's folder; the rest goes to `repo`, which has its `folder` and `repo` already.
[[nodiscard]] Reading ReadRepo(const Folder& root, const Watch& watch, ScannedRepo& repo);

[[nodiscard]] std::uint64_t Sum(const std::vector<Taken>& taken);

// What the clients themselves pass over.
[[nodiscard]] bool IsIgnoredName(std::string_view name);

}  // namespace hostler::store
