// The sherpa engine: ONNX models that speak, hear, and tell speakers apart, run by sherpa-onnx and onnxruntime.
//
// Threads: as engine_sdk::Engine says.
#pragma once

#include <memory>

#include "engine_sdk/engine.h"

namespace hostler::sherpa {

// The engine that main() runs.
[[nodiscard]] std::unique_ptr<engine_sdk::Engine> MakeSherpaEngine();

}  // namespace hostler::sherpa
