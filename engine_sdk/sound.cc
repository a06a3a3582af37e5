#include "engine_sdk/sound.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "media/media.h"

namespace hostler::engine_sdk {
namespace {

constexpr int kZeroCrossings = 16;  // of the sinc, to each side
constexpr int kPhases = 256;        // table steps between two samples

// Half of a Hann-windowed sinc with its zeros at the whole numbers, kPhases values apart.
std::vector<float> HalfKernel() {
  std::vector<float> kernel(kZeroCrossings * kPhases + 2, 0.0F);
  for (int i = 0; i <= kZeroCrossings * kPhases; ++i) {
    const double x = static_cast<double>(i) / kPhases;
    const double sinc = i == 0 ? 1.0 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
    const double window = 0.5 * (1 + std::cos(std::numbers::pi * x / kZeroCrossings));
    kernel[static_cast<std::size_t>(i)] = static_cast<float>(sinc * window);
  }
  return kernel;
}

std::vector<std::int16_t> MixDown(media::Audio audio) {
  if (audio.channels == 1) return std::move(audio.samples);
  const auto channels = static_cast<std::size_t>(audio.channels);
  std::vector<std::int16_t> mono(audio.samples.size() / channels);
  for (std::size_t i = 0; i < mono.size(); ++i) {
    int sum = 0;
    for (std::size_t c = 0; c < channels; ++c) sum += audio.samples[i * channels + c];
    mono[i] = static_cast<std::int16_t>(sum / audio.channels);
  }
  return mono;
}

}  // namespace

std::vector<std::int16_t> Resample(std::span<const std::int16_t> samples, int from, int to) {
  if (from == to || samples.empty()) return {samples.begin(), samples.end()};
  static const std::vector<float> kernel = HalfKernel();
  const double step = static_cast<double>(from) / to;
  const double narrow = std::min(1.0, 1 / step);  // going down, the kernel is as much wider
  const double reach = kZeroCrossings / narrow;
  const auto last = static_cast<std::int64_t>(samples.size()) - 1;
  std::vector<std::int16_t> out(static_cast<std::size_t>(std::llround(static_cast<double>(samples.size()) / step)));
  for (std::size_t n = 0; n < out.size(); ++n) {
    const double center = static_cast<double>(n) * step;
    const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(center - reach)));
    const auto end = std::min<std::int64_t>(last, static_cast<std::int64_t>(std::floor(center + reach)));
    double sum = 0;
    for (std::int64_t i = begin; i <= end; ++i) {
      const double at = std::abs(static_cast<double>(i) - center) * narrow * kPhases;
      const auto cell = static_cast<std::size_t>(at);
      const double part = at - static_cast<double>(cell);
      sum += samples[static_cast<std::size_t>(i)] * (kernel[cell] + part * (kernel[cell + 1] - kernel[cell]));
    }
    out[n] = static_cast<std::int16_t>(std::clamp(std::lround(sum * narrow), -32768L, 32767L));
  }
  return out;
}

Result<Recording> ToRecording(std::string_view wav, int sample_rate) {
  auto audio = media::FromWav(wav);
  if (!audio) return Fail(std::move(audio.error()).At("audio"));
  if (audio->samples.empty() || audio->channels < 1 || audio->sample_rate < 1) {
    return Fail(Error{Code::kInvalid, "the recording holds no sound", "Send a WAV with PCM s16le samples."}.At("audio"));
  }
  const int came = audio->sample_rate;
  Recording recording{sample_rate == 0 ? came : sample_rate, MixDown(*std::move(audio))};
  if (recording.sample_rate != came) recording.samples = Resample(recording.samples, came, recording.sample_rate);
  return recording;
}

}  // namespace hostler::engine_sdk
