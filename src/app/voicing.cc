#include "app/voicing.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hostler::app {

Task<Result<>> Voicing::Begin() {
  double before = 0;  // silence that the script begins with; how many samples that is, is known with the first call
  while (next_ < script_.size() && script_[next_].text.empty()) before += script_[next_++].pause_s;
  HOSTLER_CO_OK(co_await OpenNext());
  Pause(before);
  if (trim_) cutter_.emplace(sample_rate_, channels_);
  co_return Result<>{};
}

Task<Result<>> Voicing::OpenNext() {
  HOSTLER_CO_TRY(audio_, co_await open_(script_[next_].text));
  if (sample_rate_ == 0) {
    sample_rate_ = audio_->sample_rate();
    channels_ = audio_->channels();
  }
  if (audio_->sample_rate() == sample_rate_ && audio_->channels() == channels_) co_return Result<>{};
  co_return Fail(Code::kUpstream,
                 fmt::format("the model changed from {} Hz and {} channels to {} Hz and {} channels within one text",
                             sample_rate_, channels_, audio_->sample_rate(), audio_->channels()),
                 "Check its engine with `hostler conform`.");
}

void Voicing::Pause(double seconds) {
  silence_ = static_cast<std::size_t>(std::lround(seconds * sample_rate_)) * static_cast<std::size_t>(channels_);
}

Task<Result<std::span<const std::int16_t>>> Voicing::ReadUntrimmed() {
  for (;;) {
    if (silence_ > 0) {
      const std::size_t most = static_cast<std::size_t>(sample_rate_) * static_cast<std::size_t>(channels_);
      samples_.assign(std::min(silence_, most), 0);
      silence_ -= samples_.size();
      co_return std::span<const std::int16_t>(samples_);
    }
    if (audio_) {
      HOSTLER_CO_TRY(const std::span<const std::int16_t> samples, co_await audio_->ReadSome());
      if (!samples.empty()) co_return samples;
      audio_.reset();
      Pause(script_[next_++].pause_s);
      continue;
    }
    if (next_ == script_.size()) co_return std::span<const std::int16_t>{};
    HOSTLER_CO_OK(co_await OpenNext());
  }
}

Task<Result<std::span<const std::int16_t>>> Voicing::ReadSome() {
  if (!cutter_) co_return co_await ReadUntrimmed();
  while (!ended_) {
    HOSTLER_CO_TRY(const std::span<const std::int16_t> samples, co_await ReadUntrimmed());
    ended_ = samples.empty();
    std::vector<std::int16_t> speech = ended_ ? cutter_->Finish() : cutter_->Push(samples);
    if (speech.empty()) continue;
    samples_ = std::move(speech);
    co_return std::span<const std::int16_t>(samples_);
  }
  co_return std::span<const std::int16_t>{};
}

}  // namespace hostler::app
