// What a text sounds like, read as one stream of samples though it may take several calls of the model: one for each stretch,
// with silence between them.
//
// Owner: the use case that speaks; it holds the lease meanwhile. Runs on the caller's loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "async/task.h"
#include "engines/talk.h"
#include "speech/edges.h"
#include "speech/ssml.h"

namespace hostler::app {

class Voicing {
 public:
  // One call of the model. Coroutines of it live while the Voicing does.
  using Open = std::function<Task<Result<std::unique_ptr<engines::AudioStream>>>(std::string text)>;

  // `trim`: the silence at the beginning and the end is cut off.
  Voicing(std::vector<speech::Stretch> script, Open open, bool trim)
      : script_(std::move(script)), open_(std::move(open)), trim_(trim) {}

  // Waits for the first call; sample rate and channels are known then. REQUIRES: a stretch has text.
  [[nodiscard]] Task<Result<>> Begin();
  // The next samples, valid until the next call; empty at the end.
  [[nodiscard]] Task<Result<std::span<const std::int16_t>>> ReadSome();

  [[nodiscard]] int sample_rate() const { return sample_rate_; }  // Hz
  [[nodiscard]] int channels() const { return channels_; }

 private:
  [[nodiscard]] Task<Result<>> OpenNext();
  [[nodiscard]] Task<Result<std::span<const std::int16_t>>> ReadUntrimmed();
  void Pause(double seconds);

  const std::vector<speech::Stretch> script_;
  const Open open_;
  const bool trim_;
  std::size_t next_ = 0;  // in the script
  std::unique_ptr<engines::AudioStream> audio_;
  int sample_rate_ = 0;
  int channels_ = 0;
  std::size_t silence_ = 0;  // samples still to come before the next call
  std::optional<speech::EdgeCutter> cutter_;
  bool ended_ = false;
  std::vector<std::int16_t> samples_;
};

}  // namespace hostler::app
