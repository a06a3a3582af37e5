// The two files of a speech model: the language model, and the mmproj beside it that turns its codes into sound. Both are known
// by what their headers say, never by their names alone.
//
// Pure functions over a folder; any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace hostler::llama {

enum class SpeechFamily { kQwen, kPocket };

struct SpeechFiles {
  SpeechFamily family = SpeechFamily::kQwen;
  std::filesystem::path main;    // general.architecture qwen3tts or pockettts
  std::filesystem::path mmproj;  // clip, with an encoder that generates audio of the same family and width
};

// Is there a language model of speech at `path` (a file, or a folder with one)? Never throws.
[[nodiscard]] bool IsSpeech(const std::filesystem::path& path);

// `path`: a folder, or the language model. The mmproj is `chosen` (absolute, or relative to the folder), else the fitting one of
// that folder whose name is most like the language model's. kNotFound if there is none, kInvalid if it is another model's; of the
// latter, the message says by what.
[[nodiscard]] Result<SpeechFiles> FindSpeechFiles(const std::filesystem::path& path, const std::optional<std::string>& chosen);

}  // namespace hostler::llama
