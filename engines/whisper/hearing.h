// One transcription while it runs: takes segments from whisper.cpp as they are made and puts the transcript together.
//
// Owner: WhisperModel::Transcribe. Threads: the one that runs it.
#pragma once

#include <functional>
#include <stop_token>

#include <whisper.h>

#include "engines/whisper/pieces.h"
#include "engines/whisper/words.h"
#include "wire/wire.h"

namespace hostler::whisper {

class Hearing {
 public:
  // `on_segment` may be empty; `duration` in seconds.
  Hearing(whisper_context* context, double duration, bool words, const std::function<void(const wire::Segment&)>& on_segment,
          std::stop_token stop);

  // Before each piece: where its times lie, and the language that is heard in it.
  void Begin(const Piece& piece) { piece_ = &piece; }
  // Has whisper.cpp report to this object.
  void ListenTo(whisper_full_params& params);

  [[nodiscard]] wire::Transcript& transcript() { return transcript_; }

 private:
  static void OnSegments(whisper_context*, whisper_state* state, int count, void* self);
  void Take(whisper_state* state, int index);
  [[nodiscard]] std::vector<Token> TokensOf(whisper_state* state, int index, double& log_probability) const;
  void TakeWords(std::span<const Token> tokens, bool parted);

  whisper_context* const context_;
  const double duration_;
  const bool words_;
  const std::function<void(const wire::Segment&)>& on_segment_;
  const std::stop_token stop_;
  const Piece* piece_ = nullptr;
  Mender mender_;
  wire::Transcript transcript_;
};

}  // namespace hostler::whisper
