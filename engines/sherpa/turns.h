// Models that tell who speaks when.
//
// Threads: as engine_sdk::Model says; one call at a time.
#pragma once

#include <memory>

#include "base/json.h"
#include "engine_sdk/engine.h"
#include "engines/sherpa/families.h"

namespace hostler::sherpa {

struct TurnsOptions {
  std::optional<bool> int8;              // of a graph that is there in both precisions, the small one; default: true
  std::optional<double> shortest_turn;   // s; default 0.3
  std::optional<double> shortest_pause;  // s: shorter ones do not end a turn; default 0.5
};
BOOST_DESCRIBE_STRUCT(TurnsOptions, (), (int8, shortest_turn, shortest_pause))

[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> LoadTurns(Plan plan, const TurnsOptions& options,
                                                                   const engine_sdk::LoadContext& context);

}  // namespace hostler::sherpa
