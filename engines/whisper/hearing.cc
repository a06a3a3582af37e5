#include "engines/whisper/hearing.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/whisper/languages.h"

namespace hostler::whisper {
namespace {

double InSeconds(std::int64_t hundredths) {
  return static_cast<double>(hundredths) / 100;
}

double InMilliseconds(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

}  // namespace

Hearing::Hearing(whisper_context* context, double duration, bool words,
                 const std::function<void(const wire::Segment&)>& on_segment, std::stop_token stop)
    : context_(context), duration_(duration), words_(words), on_segment_(on_segment), stop_(std::move(stop)) {
  transcript_.duration = duration;
}

void Hearing::ListenTo(whisper_full_params& params) {
  params.new_segment_callback = &OnSegments;
  params.new_segment_callback_user_data = this;
  params.abort_callback = [](void* self) { return static_cast<Hearing*>(self)->stop_.stop_requested(); };
  params.abort_callback_user_data = this;
  params.encoder_begin_callback = [](whisper_context*, whisper_state*, void* self) {
    return !static_cast<Hearing*>(self)->stop_.stop_requested();
  };
  params.encoder_begin_callback_user_data = this;
}

void Hearing::OnSegments(whisper_context*, whisper_state* state, int count, void* self) {
  const int end = whisper_full_n_segments_from_state(state);
  for (int index = end - count; index < end; ++index) static_cast<Hearing*>(self)->Take(state, index);
}

// Times in the recording. What has no text (timestamps, ends) is left out.
std::vector<Token> Hearing::TokensOf(whisper_state* state, int index, double& log_probability) const {
  std::vector<Token> tokens;
  log_probability = 0;
  const int count = whisper_full_n_tokens_from_state(state, index);
  for (int i = 0; i < count; ++i) {
    const whisper_token_data data = whisper_full_get_token_data_from_state(state, index, i);
    if (data.id >= whisper_token_eot(context_)) continue;
    tokens.push_back(
        {whisper_token_to_str(context_, data.id), piece_->Start(InSeconds(data.t0)), piece_->End(InSeconds(data.t1)), data.p});
    log_probability += data.plog;
  }
  if (!tokens.empty()) log_probability /= static_cast<double>(tokens.size());
  return tokens;
}

void Hearing::Take(whisper_state* state, int index) {
  wire::Segment segment;
  double log_probability = 0;
  std::vector<Token> tokens = TokensOf(state, index, log_probability);
  mender_.Mend(tokens);
  segment.text = TextOf(tokens);
  if (transcript_.text.empty()) segment.text = Trim(segment.text);
  if (Trim(segment.text).empty()) return;

  segment.id = static_cast<int>(transcript_.segments.size());
  const double earliest = transcript_.segments.empty() ? 0 : transcript_.segments.back().start;
  const double start = piece_->Start(InSeconds(whisper_full_get_segment_t0_from_state(state, index)));
  const double end = piece_->End(InSeconds(whisper_full_get_segment_t1_from_state(state, index)));
  segment.start = InMilliseconds(std::clamp(start, earliest, duration_));
  segment.end = InMilliseconds(std::clamp(end, segment.start, duration_));
  segment.avg_logprob = log_probability;
  segment.no_speech_prob = whisper_full_get_segment_no_speech_prob_from_state(state, index);

  transcript_.text += segment.text;
  if (words_) TakeWords(tokens, PartsWords(whisper_lang_str(whisper_full_lang_id_from_state(state))));
  if (on_segment_) on_segment_(segment);
  transcript_.segments.push_back(std::move(segment));
}

void Hearing::TakeWords(std::span<const Token> tokens, bool parted) {
  for (wire::Word& word : WordsOf(tokens, parted)) {
    const double earliest = transcript_.words.empty() ? 0 : transcript_.words.back().end;
    word.start = InMilliseconds(std::clamp(word.start, std::min(earliest, duration_), duration_));
    word.end = InMilliseconds(std::clamp(word.end, word.start, duration_));
    transcript_.words.push_back(std::move(word));
  }
}

}  // namespace hostler::whisper
