// The files of whisper.cpp, looked through before whisper.cpp reads them: it believes what a file says of itself, and a broken
// one would end the process, or load and say nonsense. The format is that of whisper.cpp's convert-pt-to-ggml.py: magic, numbers,
// mel filters, vocabulary, then tensors one after the other until the file ends.
//
// Pure functions over a file; any thread. They block on the disk, and read little: of a tensor its head.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace hostler::whisper {

struct Weights {
  std::uint64_t bytes = 0;
  bool multilingual = false;
  int audio_layers = 0;
  int text_layers = 0;
};

// kInvalid with the reason: not there, another format, cut off, numbers that cannot be.
[[nodiscard]] Result<Weights> InspectWhisper(const std::filesystem::path& file);
// The same for a voice activity model (Silero VAD as whisper.cpp's convert-silero-vad-to-ggml.py writes it).
[[nodiscard]] Result<> InspectVoiceActivity(const std::filesystem::path& file);

// Does its beginning look like one of ours? Cheap: for listings.
[[nodiscard]] bool LooksLikeWhisper(const std::filesystem::path& file);

}  // namespace hostler::whisper
