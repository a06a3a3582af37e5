// The preset speakers of Qwen3-TTS, as the authors' page describes them. Which of them a model has is for its vocabulary to say.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "wire/wire.h"

namespace hostler::llama {

struct QwenVoice {
  wire::Voice voice;  // id and name as the authors write it: "Ono_Anna"
  std::string description;
  std::string dialect;  // what the speaker speaks where Chinese, or nothing, is asked for; empty: none
};

// `speaker`: as in the vocabulary, "ono_anna". One that is not known has a name and nothing else.
[[nodiscard]] QwenVoice DescribeQwenVoice(std::string_view speaker);

}  // namespace hostler::llama
