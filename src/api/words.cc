#include "api/words.h"

namespace hostler::api {

using model::DiskState;
using model::MemoryState;

std::string Badge(const lifecycle::Status& status) {
  if (status.entry.disk == DiskState::kProviderMissing) return "⚠ Not available (rebuild image)";
  switch (status.state) {
    case MemoryState::kLoaded: return "● Loaded";
    case MemoryState::kLoading: return "◌ Loading";
    case MemoryState::kUnloading: return "◌ Unloading";
    case MemoryState::kError: return "⚠ Error";
    case MemoryState::kUnloaded: break;
  }
  if (status.entry.disk == DiskState::kDownloading) return "◌ Downloading";
  return status.entry.disk == DiskState::kDownloaded ? "○ Cached — Load" : "○ Ready (load to use)";
}

std::string VoiceState(const lifecycle::Status& status) {
  if (status.entry.disk == DiskState::kProviderMissing) return "provider_missing";
  if (status.state == MemoryState::kLoaded || status.state == MemoryState::kUnloading) return "loaded";
  if (status.state == MemoryState::kLoading) return "loading";
  if (status.waiting > 0) return "queued";
  if (status.entry.disk == DiskState::kDownloading) return "downloading";
  return status.entry.disk == DiskState::kDownloaded ? "downloaded" : "provider_installed";
}

}  // namespace hostler::api
