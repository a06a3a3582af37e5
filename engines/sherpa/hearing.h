// Models that hear.
//
// Threads: as engine_sdk::Model says; one call at a time.
#pragma once

#include <memory>

#include "base/json.h"
#include "engine_sdk/engine.h"
#include "engines/sherpa/families.h"

namespace hostler::sherpa {

struct HearingOptions {
  std::optional<bool> int8;             // of a graph that is there in both precisions, the small one; default: true
  std::optional<std::string> language;  // of models that want to be told: what they expect unless a request says otherwise
  std::optional<std::string> vad;       // silero_vad.onnx: a path; default: the one in the model's folder, if there is one
};
BOOST_DESCRIBE_STRUCT(HearingOptions, (), (int8, language, vad))

[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> LoadHearing(Plan plan, const HearingOptions& options,
                                                                     const engine_sdk::LoadContext& context);

}  // namespace hostler::sherpa
