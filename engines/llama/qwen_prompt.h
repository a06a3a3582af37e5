// The prompt of Qwen3-TTS. The model reads two tracks at once, text and codec: each position is the sum of a row of either, or
// one row alone. Order of the parts: the authors' generate() (QwenLM/Qwen3-TTS, modeling_qwen3_tts.py, non_streaming_mode), and
// for the Base models libmtmd's mtmd-helper-gen.cpp, which agrees with it.
//
//   text    <|im_start|>user\n INSTRUCTION <|im_end|>\n | <|im_start|>assistant\n | pad   pad  pad  pad  pad     | bos | TEXT eod
//   | pad codec                                               |                         | think  (   LANG   )  SPEAKER | pad |
//   pad    | bos
//
// Threads: any; EmbeddingRows says one at a time.
#pragma once

#include <llama.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/llama/embedding_rows.h"

namespace hostler::llama {

// The tokens that converters add to the words. `<|codec_0|>` is the first code; the next 2047 follow it.
struct QwenTokens {
  llama_token first_code, codec_pad, codec_bos, codec_eos, think, no_think, think_begin, think_end;
  llama_token text_pad, text_begin, text_end;
  std::map<std::string, llama_token> languages;  // "english", and dialects: "beijing_dialect"
  std::map<std::string, llama_token> speakers;   // "vivian"

  // kInvalid, with its name, if one is missing.
  [[nodiscard]] static Result<QwenTokens> Read(const llama_vocab* vocabulary);
};

struct QwenPrompt {
  std::string text;
  std::string instruction;              // of style, or the description of a voice; may be empty
  std::optional<llama_token> language;  // none: the model finds it out
  Row speaker;                          // of a preset speaker, or of a recording; empty: none
};

// Embeddings, float[positions][width] in one vector.
[[nodiscard]] Result<std::vector<float>> Compose(const QwenPrompt& prompt, const QwenTokens& tokens,
                                                 const llama_vocab* vocabulary, EmbeddingRows& rows);

// Tokens of a text that is only text: what looks like a special token is letters.
[[nodiscard]] std::vector<llama_token> Tokenize(const llama_vocab* vocabulary, std::string_view text, bool special = false);

}  // namespace hostler::llama
