// RunEngine for engines that need to see requests before the SDK does: engines/fake.
//
// Call it from main(), once.
#pragma once

#include "engine_sdk/service.h"

namespace hostler::engine_sdk {

int RunEngineWith(int argc, char** argv, std::unique_ptr<Engine> engine, Hooks hooks);

}  // namespace hostler::engine_sdk
