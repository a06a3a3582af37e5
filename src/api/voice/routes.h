// Seed 000's dialect: the model list with states, load / unload / prefetch, what is loaded, voices and capabilities.
#pragma once

#include "api/door.h"

namespace hostler::api::voice {

void AddModels(Door& door);
void AddVoices(Door& door);
void AddManage(Door& door);
void AddSamples(Door& door);

// Fetches a model's files and waits for them: "downloaded" or "already_downloaded".
[[nodiscard]] Task<Result<std::string>> FetchAndWait(app::House& house, model::ModelId id);

}  // namespace hostler::api::voice
