// The words that every room shares about models.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace hostler::model {

using ModelId = std::string;  // what a user calls it: `kokoro`, `Qwen/Qwen3-Embedding-0.6B`, `espeak`

enum class ModelType { kTts, kStt, kLlm, kEmbedding, kReranker, kSplade, kImage };
BOOST_DESCRIBE_ENUM(ModelType, kTts, kStt, kLlm, kEmbedding, kReranker, kSplade, kImage)

// In memory. unloaded -> loading -> loaded -> unloading -> unloaded; loading -> error -> loading | unloaded (design/product.md)
enum class MemoryState { kUnloaded, kLoading, kLoaded, kUnloading, kError };
BOOST_DESCRIBE_ENUM(MemoryState, kUnloaded, kLoading, kLoaded, kUnloading, kError)

// On disk. Independent of the state in memory.
enum class DiskState { kProviderMissing, kAvailable, kDownloading, kDownloaded };
BOOST_DESCRIBE_ENUM(DiskState, kProviderMissing, kAvailable, kDownloading, kDownloaded)

// One model that hostler can be asked for.
struct Entry {
  ModelId id;
  ModelType type = ModelType::kTts;
  std::string provider;  // `espeak`
  std::string description;
  std::string engine;        // executable: a name like `hostler-engine-classic` or a path; empty: no engine runs it
  std::string engine_model;  // the name under which the engine knows it; the id if empty
  std::string path;          // the model's file or folder, given to the engine; empty: it needs none, or `repository` has it
  std::string repository;    // on a hub: its files come into the cache first, and are found there when it is loaded
  json::Any options = json::Any(boost::json::object_kind);  // given to the engine with the load
  DiskState disk = DiskState::kAvailable;
  std::string remedy;                // for kProviderMissing: how to get it
  bool built_in = false;             // needs no files: loading it is quick and costs next to nothing
  std::optional<int> max_memory_mb;  // of the engine with all that it starts; 0: no limit; default: engines.max_memory_mb
  std::optional<int> max_processes;  // … and threads; default: engines.max_processes
  bool pinned = false;               // never evicted, never idled out
  std::map<std::string, std::string> voice_aliases;  // OpenAI's voice names -> the model's own
};

// A load or an unload, measured (MB = 2^20 bytes).
struct Receipt {
  double memory_before_mb = 0;
  double memory_after_mb = 0;
  double seconds = 0;
  std::optional<double> gpu_memory_mb = {};  // taken on GPUs, where that can be read
};

}  // namespace hostler::model
