// One loaded whisper model: the weights, the memory to work in, and the voice activity model if there is one.
//
// Owner: the SDK. Threads: as engine_sdk::Model says; one transcription at a time.
#pragma once

#include <memory>

#include <whisper.h>

#include "engines/whisper/pieces.h"
#include "engines/whisper/whisper.h"

namespace hostler::whisper {

struct FreeContext {
  void operator()(whisper_context* context) const { whisper_free(context); }
};
struct FreeState {
  void operator()(whisper_state* state) const { whisper_free_state(state); }
};
struct FreeVoiceActivity {
  void operator()(whisper_vad_context* context) const { whisper_vad_free(context); }
};
using ContextPtr = std::unique_ptr<whisper_context, FreeContext>;
using StatePtr = std::unique_ptr<whisper_state, FreeState>;
using VoiceActivityPtr = std::unique_ptr<whisper_vad_context, FreeVoiceActivity>;

struct Settings {
  int threads = 1;
  int beam_size = 5;
  int best_of = 5;
};

class WhisperModel final : public engine_sdk::Model {
 public:
  // `voice_activity` may be null. kUnavailable if there is no memory to work in.
  [[nodiscard]] static Result<std::unique_ptr<engine_sdk::Model>> Create(ContextPtr context, VoiceActivityPtr voice_activity,
                                                                         Settings settings, log::Log& log);

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] Result<wire::Transcript> Transcribe(const wire::TranscribeRequest& request,
                                                    const engine_sdk::Recording& recording,
                                                    const std::function<void(const wire::Segment&)>& on_segment,
                                                    std::stop_token stop) override;

 private:
  WhisperModel(ContextPtr context, VoiceActivityPtr voice_activity, Settings settings, log::Log& log);
  [[nodiscard]] Result<> Renew();
  [[nodiscard]] Result<std::string> Check(const wire::TranscribeRequest& request) const;
  [[nodiscard]] whisper_full_params Params(const wire::TranscribeRequest& request) const;
  // What is heard of samples [begin, end): all of it, or where somebody speaks. Empty: nobody does.
  [[nodiscard]] Result<std::vector<Stretch>> Speech(std::span<const std::int16_t> samples, Stretch whole, bool leave_silence_out);

  const ContextPtr context_;
  const VoiceActivityPtr voice_activity_;
  const Settings settings_;
  log::Log& log_;
  const bool multilingual_;
  StatePtr state_;
  bool used_ = false;
};

}  // namespace hostler::whisper
