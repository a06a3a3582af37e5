// hostler-engine-llama: what runs on libllama beside chat (which llama-server does): speech (Qwen3-TTS, Pocket TTS) and sparse
// vectors (SPLADE). One table of families; a model's files decide which of them loads it.
//
// Threads: as engine_sdk/engine.h says of Engine.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "engine_sdk/engine.h"

namespace hostler::llama {

// One kind of model.
struct Family {
  std::string_view name;  // for messages: "speech (GGUF)"
  // Can these files (a file, or a folder with them) be of this kind? Looks at names and headers only; never throws.
  bool (*recognises)(const std::filesystem::path& path);
  Result<std::unique_ptr<engine_sdk::Model>> (*load)(const engine_sdk::LoadContext& context);
  std::string_view feature;  // wire::Health::features that it brings, separated by blanks
};

[[nodiscard]] const Family& Speech();  // speech.cc
[[nodiscard]] const Family& Splade();  // splade.cc

[[nodiscard]] std::unique_ptr<engine_sdk::Engine> MakeLlamaEngine();

}  // namespace hostler::llama
