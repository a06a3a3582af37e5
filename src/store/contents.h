// A repository's folder, read: which snapshots, links, refs and blobs there are and how they hang together.
// Internal to this room.
//
// Threads: any; everything here blocks on the disk.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/cache.h"
#include "store/folder.h"

namespace hostler::store {

struct Entry {
  std::string path;  // in its snapshot
  std::string blob;  // name of its blob; empty for a file of its own, or a link that leads elsewhere
  bool broken = false;
  bool is_link = false;
  std::uint64_t size = 0;
};

struct Contents {
  std::map<std::string, std::vector<Entry>> snapshots;  // by folder name, entries by path
  std::map<std::string, std::string> refs;              // revision -> what the file holds
  std::map<std::string, struct stat> blobs;             // without partial files
  std::map<std::string, struct stat> partials;          // whole names of *.incomplete, anybody's
  std::vector<std::string> strays;                      // files in snapshots/, and whatever stands in the place of a folder
  std::vector<std::string> listings;                    // commits of trees/
  std::vector<std::string> absences;                    // commits of .no_exist/
  std::vector<std::string> scratch;                     // temporary names that a killed process left
  std::vector<std::string> unreadable;                  // folders, relative
  bool has_snapshots = false;
};
[[nodiscard]] Contents ReadContents(const Folder& repo);

// Etags whose lock somebody holds just now, or whose partial file somebody writes.
[[nodiscard]] std::vector<std::string> BusyBlobs(const Cache& cache, const model::Repo& repo);

}  // namespace hostler::store
