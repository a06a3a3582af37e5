#include "engines/llama/qwen_codes.h"

#include <algorithm>
#include <limits>
#include <set>

namespace hostler::llama {
namespace {

constexpr int kCodes = 2048;          // of the first book
constexpr int kFewestFrames = 2;      // the authors' min_new_tokens
constexpr int kPenaltyMemory = 4096;  // frames; more than a context holds
constexpr int kWindow = 72;           // frames; fixed in libmtmd
// After so many frames of a window there is sound: soon in the first one, for a quick start.
constexpr int kFirstDue[] = {8, 24, kWindow};
constexpr int kLaterDue[] = {36, kWindow};

}  // namespace

Sampling::Sampling(const SpeechOptions& options)
    : temperature(static_cast<float>(options.temperature.value_or(0.9))),
      top_k(options.top_k.value_or(50)),
      top_p(static_cast<float>(options.top_p.value_or(1))),
      repetition_penalty(static_cast<float>(options.repetition_penalty.value_or(1.05))) {}

// ---- CodeSampler ----

CodeSampler::CodeSampler(const Sampling& sampling, const QwenTokens& tokens, const llama_vocab* vocabulary, std::uint32_t seed)
    : eos_(tokens.codec_eos), chain_(llama_sampler_chain_init(llama_sampler_chain_default_params()), &llama_sampler_free) {
  std::int32_t count = 0;
  const llama_token* suppressed = llama_vocab_get_suppress_tokens(vocabulary, &count);
  const std::set<llama_token> never(suppressed, suppressed + count);
  const llama_token end = std::min(tokens.first_code + kCodes, llama_vocab_n_tokens(vocabulary));
  for (llama_token token = tokens.first_code; token < end; ++token) {
    if (!never.contains(token)) allowed_.push_back(token);
  }
  allowed_.push_back(eos_);
  const auto add = [&](llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); };
  add(llama_sampler_init_penalties(llama_vocab_n_tokens(vocabulary), kPenaltyMemory, sampling.repetition_penalty, 0, 0));
  if (sampling.temperature <= 0) {
    add(llama_sampler_init_greedy());
    return;
  }
  add(llama_sampler_init_temp(sampling.temperature));
  if (sampling.top_k > 0) add(llama_sampler_init_top_k(sampling.top_k));
  if (sampling.top_p < 1) add(llama_sampler_init_top_p(sampling.top_p, 1));
  add(llama_sampler_init_dist(seed));
}

llama_token CodeSampler::Next(llama_context* context) {
  const float* logits = llama_get_logits_ith(context, -1);
  candidates_.clear();
  for (const llama_token token : allowed_) {
    if (token == eos_ && drawn_ < kFewestFrames) continue;
    candidates_.push_back({token, logits[token], 0});
  }
  llama_token_data_array choice{candidates_.data(), candidates_.size(), -1, false};
  llama_sampler_apply(chain_.get(), &choice);
  const llama_token drawn = choice.selected < 0 ? eos_ : choice.data[choice.selected].id;
  llama_sampler_accept(chain_.get(), drawn);
  ++drawn_;
  return drawn;
}

// ---- QwenSound ----

Result<Row> QwenSound::AddFrame(std::int32_t code, Row& state) {
  mtmd_gen_inp in = mtmd_gen_inp_default(mtmd_);
  in.type = MTMD_GEN_PROCESS_TYPE_GEN_CODE;
  in.code0 = code;
  in.embd = state.data();
  in.top_k = sampling_.temperature <= 0 ? 1 : sampling_.top_k;
  in.top_p = sampling_.top_p;
  in.seed = seed_;
  mtmd_gen_out out{};
  if (mtmd_gen_audio_process(mtmd_, &in, &out) != 0) return Failed("predicting a frame");
  codes_.insert(codes_.end(), out.codes, out.codes + out.n_codes);
  ++frames_;
  return Row(out.embd, out.embd + state.size());
}

Result<std::vector<float>> QwenSound::Due() {
  const std::span<const int> due = first_window_ ? std::span<const int>(kFirstDue) : std::span<const int>(kLaterDue);
  if (std::ranges::find(due, frames_) == due.end()) return std::vector<float>();
  return Decode();
}

Result<std::vector<float>> QwenSound::Rest() {
  if (frames_ == 0) return std::vector<float>();
  return Decode();
}

Result<std::vector<float>> QwenSound::Decode() {
  mtmd_gen_inp in = mtmd_gen_inp_default(mtmd_);
  in.type = MTMD_GEN_PROCESS_TYPE_GEN_WAV;
  in.codes = codes_.data();
  in.n_codes = codes_.size();
  in.seed = seed_;
  in.state_data = memory_.empty() ? nullptr : memory_.data();
  in.state_size = memory_.size();
  mtmd_gen_out out{};
  if (mtmd_gen_audio_process(mtmd_, &in, &out) != 0) return Failed("making sound of codes");
  std::vector<float> sound(out.audio + std::min(given_, out.n_samples), out.audio + out.n_samples);
  given_ = out.n_samples;
  if (frames_ == kWindow) {
    memory_.assign(out.state_data, out.state_data + out.state_size);
    codes_.clear();
    frames_ = 0;
    given_ = 0;
    first_window_ = false;
  }
  return sound;
}

}  // namespace hostler::llama
