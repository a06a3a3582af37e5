// Passes on the pieces of a speech with the silence at their edges cut and a pause between them. It holds back what may turn out
// to be a piece's end: a few milliseconds, or the silence that it is in.
//
// Internal to this room: SpeakBySentence makes one. On the thread that speaks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine_sdk/engine.h"
#include "engine_sdk/sentences.h"

namespace hostler::engine_sdk {

class Joiner : public AudioSink {
 public:
  Joiner(AudioSink& sink, const Seams& seams) : sink_(sink), seams_(seams) {}

  // Of each piece. False also if its format is another than the first one's: problem() tells.
  bool Begin(int sample_rate, int channels) override;
  bool Write(std::span<const std::int16_t> samples) override;
  // False: nobody listens any more. `pause_s` is the silence after the piece, if it was heard at all.
  bool EndPiece(double pause_s);

  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

 private:
  void Take(std::span<const std::int16_t> frame);  // one sample of each channel
  void Pass(std::size_t frames);
  void Scale(std::size_t frame, double gain);
  [[nodiscard]] std::size_t held() const { return held_.size() / static_cast<std::size_t>(channels_); }  // frames
  [[nodiscard]] std::size_t Frames(double seconds) const;

  AudioSink& sink_;
  const Seams seams_;
  int sample_rate_ = 0;  // Hz; 0 before the first piece
  int channels_ = 1;
  std::size_t fade_ = 0;            // frames
  std::vector<std::int16_t> held_;  // not passed on yet
  bool spoken_ = false;             // has this piece been louder than silence?
  std::size_t quiet_ = 0;           // frames since it was
  std::size_t passed_ = 0;          // frames of this piece, counted as far as they fade in
  bool heard_ = true;               // somebody listens
  std::optional<Error> problem_;
};

}  // namespace hostler::engine_sdk
