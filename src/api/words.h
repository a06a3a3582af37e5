// What people and their tools read about a model's state: badges and wire names of the seeds.
//
// Pure functions; any thread.
#pragma once

#include <string>

#include "lifecycle/lifecycle.h"

namespace hostler::api {

// "● Loaded", "○ Cached — Load", "○ Ready (load to use)", "⚠ Not available (rebuild image)" (seed 000).
[[nodiscard]] std::string Badge(const lifecycle::Status& status);

// Seed 000's one word: provider_missing, provider_installed, downloading, downloaded, loading, loaded, queued.
[[nodiscard]] std::string VoiceState(const lifecycle::Status& status);

}  // namespace hostler::api
