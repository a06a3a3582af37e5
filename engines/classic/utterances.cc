#include "engines/classic/utterances.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

extern "C" {
#include <sphinxbase/cmd_ln.h>
#include <sphinxbase/fe.h>
}

namespace hostler::classic {
namespace {

constexpr std::size_t kSecond = kHearingRate;
constexpr std::size_t kStep = kSecond / 100;        // the front end's frame shift
constexpr std::size_t kBefore = kSecond * 4 / 10;   // it takes 0.1 s of speech to notice it; the rest is a breath
constexpr std::size_t kAfter = kSecond * 25 / 100;  // it takes 0.5 s of silence to notice it
constexpr std::size_t kLongest = 15 * kSecond;
constexpr std::size_t kCutFrom = 10 * kSecond;
constexpr double kAudible = 60;  // RMS; below it nobody says anything

struct FrontEnd {
  FrontEnd() {
    cmd_ln_t* config = cmd_ln_init(nullptr, fe_get_args(), FALSE, "-remove_silence", "yes", "-samprate", "16000", "-lowerf",
                                   "130", "-upperf", "6800", "-nfilt", "25", nullptr);
    fe = fe_init_auto_r(config);
    cmd_ln_free_r(config);  // the front end holds it now
    const int width = fe_get_output_size(fe);
    values.resize(frames.size() * static_cast<std::size_t>(width));
    for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = &values[i * static_cast<std::size_t>(width)];
    fe_start_stream(fe);
    fe_start_utt(fe);
  }
  ~FrontEnd() { fe_free(fe); }
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  bool IsSpeech(std::span<const std::int16_t> step) {
    const std::int16_t* at = step.data();
    std::size_t left = step.size();
    while (left > 0) {
      std::int32_t count = static_cast<std::int32_t>(frames.size());
      std::int32_t index = 0;
      if (fe_process_frames(fe, &at, &left, frames.data(), &count, &index) < 0) break;
    }
    return fe_get_vad_state(fe) != 0;
  }

  fe_t* fe = nullptr;
  std::array<mfcc_t*, 128> frames{};
  std::vector<mfcc_t> values;
};

double Power(std::span<const std::int16_t> samples) {
  double sum = 0;
  for (const std::int16_t sample : samples) sum += static_cast<double>(sample) * sample;
  return samples.empty() ? 0 : sum / static_cast<double>(samples.size());
}

// Does anything in it reach what can be heard? The detector takes the first noise of a recording for speech.
bool IsAudible(std::span<const std::int16_t> samples) {
  constexpr std::size_t kWindow = 10 * kStep;
  for (std::size_t at = 0; at < samples.size(); at += kWindow) {
    if (Power(samples.subspan(at, std::min(kWindow, samples.size() - at))) > kAudible * kAudible) return true;
  }
  return false;
}

// The middle of the quietest tenth of a second.
std::size_t Quietest(std::span<const std::int16_t> samples, std::size_t from, std::size_t to) {
  std::size_t best = from;
  double least = -1;
  for (std::size_t at = from; at + 10 * kStep <= to; at += 5 * kStep) {
    const double power = Power(samples.subspan(at, 10 * kStep));
    if (least >= 0 && power >= least) continue;
    least = power;
    best = at + 5 * kStep;
  }
  return best;
}

void Add(std::vector<Utterance>& found, std::span<const std::int16_t> samples, Utterance next) {
  if (!found.empty()) next.begin = std::max(next.begin, found.back().end);
  if (next.end <= next.begin || !IsAudible(samples.subspan(next.begin, next.end - next.begin))) return;
  while (next.end > next.begin + kLongest) {
    const std::size_t cut = Quietest(samples, next.begin + kCutFrom, next.begin + kLongest);
    found.push_back({next.begin, cut});
    next.begin = cut;
  }
  found.push_back(next);
}

}  // namespace

std::vector<Utterance> FindUtterances(std::span<const std::int16_t> samples) {
  std::vector<Utterance> found;
  FrontEnd front_end;
  bool speaking = false;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < samples.size(); at += kStep) {
    const bool speech = front_end.IsSpeech(samples.subspan(at, std::min(kStep, samples.size() - at)));
    if (speech && !speaking) begin = at > kBefore ? at - kBefore : 0;
    if (!speech && speaking) Add(found, samples, {begin, std::max(begin, at - std::min(at, kAfter))});
    speaking = speech;
  }
  if (speaking) Add(found, samples, {begin, samples.size()});
  // Speech from the first sample to the last looks like noise to the detector: it never heard anything quieter.
  if (found.empty()) Add(found, samples, {0, samples.size()});
  return found;
}

}  // namespace hostler::classic
