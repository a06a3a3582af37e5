// From Qwen3-TTS's numbers to sound: which code comes next, and what a frame of codes sounds like. A frame is 80 ms: one code of
// the language model and fifteen of the predictor.
//
// Owner: one piece of text that is spoken. Threads: one.
#pragma once

#include <llama.h>
#include <mtmd.h>

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engines/llama/embedding_rows.h"
#include "engines/llama/qwen_prompt.h"
#include "engines/llama/speech.h"

namespace hostler::llama {

struct Sampling {
  float temperature = 0.9F;  // the authors' generation_config.json, as are the others
  int top_k = 50;
  float top_p = 1;
  float repetition_penalty = 1.05F;

  explicit Sampling(const SpeechOptions& options);
};

// Draws the first code of each frame.
class CodeSampler {
 public:
  CodeSampler(const Sampling& sampling, const QwenTokens& tokens, const llama_vocab* vocabulary, std::uint32_t seed);

  // From the last row that `context` computed; QwenTokens::codec_eos when all is said.
  [[nodiscard]] llama_token Next(llama_context* context);

 private:
  const llama_token eos_;
  std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)> chain_;
  std::vector<llama_token> allowed_;
  std::vector<llama_token_data> candidates_;
  int drawn_ = 0;
};

// Collects frames and makes sound of them. libmtmd's decoder works on windows of 72 frames and fills a shorter one up with
// silence, which it then remembers. So the memory of a window is kept only when it is full; before that, what is there already is
// decoded from the beginning of the window for the sake of early sound, a few times at most: all that follows is the same.
class QwenSound {
 public:
  QwenSound(mtmd_context* mtmd, const Sampling& sampling, std::uint32_t seed) : mtmd_(mtmd), sampling_(sampling), seed_(seed) {}

  // Predicts the other codes of the frame from the language model's state, float[width]; yields the frame's embedding.
  [[nodiscard]] Result<Row> AddFrame(std::int32_t code, Row& state);
  // Sound that is due now, -1 to 1; often none.
  [[nodiscard]] Result<std::vector<float>> Due();
  // The rest of it, at the end.
  [[nodiscard]] Result<std::vector<float>> Rest();

 private:
  [[nodiscard]] Result<std::vector<float>> Decode();

  mtmd_context* const mtmd_;
  const Sampling sampling_;
  const std::uint32_t seed_;
  std::vector<std::int32_t> codes_;  // of the window
  int frames_ = 0;                   // of the window
  std::size_t given_ = 0;            // samples of the window
  bool first_window_ = true;
  std::vector<char> memory_;  // of the decoder, at the window's beginning
};

}  // namespace hostler::llama
