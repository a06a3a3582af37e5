// Dice, Loudspeaker and the small checks of speech.h.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/llama/library.h"
#include "engines/llama/speech.h"

namespace hostler::llama {
namespace {

constexpr std::uint32_t kWarmUpSeed = 0xFFFF'FFFE;  // no request has it: theirs are below 2^31
constexpr double kShortestVoice = 0.5;              // seconds; the encoders' convolutions need some
constexpr double kLongestVoice = 30;                // seconds that are listened to: no model hears more in more

}  // namespace

std::unexpected<Error> Failed(std::string_view what) {
  const std::string reason = LastComplaint();
  return Fail(Code::kInternal, fmt::format("{} failed{}{}", what, reason.empty() ? "" : ": ", Clip(reason, 300)),
              "The engine's log says more; load the model again.");
}

// ---- Dice ----

Result<mtmd_gen_out> Dice::Frame(std::uint32_t seed) {
  std::vector<float> nothing(static_cast<std::size_t>(width_));
  mtmd_gen_inp in = mtmd_gen_inp_default(mtmd_);
  in.type = MTMD_GEN_PROCESS_TYPE_GEN_CODE;
  in.embd = nothing.data();
  in.seed = seed;
  mtmd_gen_out out{};
  if (mtmd_gen_audio_process(mtmd_, &in, &out) != 0) return Failed("a frame to warm up");
  last_ = seed;
  return out;
}

Result<Dice> Dice::WarmUp(const SpeechParts& parts) {
  Dice dice;
  dice.mtmd_ = parts.mtmd.get();
  dice.width_ = parts.width();
  HOSTLER_TRY(const mtmd_gen_out frame, dice.Frame(kWarmUpSeed));
  std::vector<std::int32_t> codes(frame.codes, frame.codes + frame.n_codes);
  const std::vector<float> features(frame.feats, frame.feats + frame.n_feats);
  mtmd_gen_inp in = mtmd_gen_inp_default(dice.mtmd_);
  in.type = MTMD_GEN_PROCESS_TYPE_GEN_WAV;
  in.codes = codes.data();
  in.n_codes = codes.size();
  in.feats = features.data();
  in.n_feats = features.size();
  in.seed = kWarmUpSeed;
  mtmd_gen_out out{};
  if (mtmd_gen_audio_process(dice.mtmd_, &in, &out) != 0 || out.n_samples == 0) return Failed("sound to warm up");
  return dice;
}

Result<> Dice::Restart(std::uint32_t seed) {
  if (last_ == seed) HOSTLER_OK(Frame(kWarmUpSeed));
  return {};
}

std::uint32_t FirstSeed(const SpeechOptions& options) {
  if (options.seed) return static_cast<std::uint32_t>(*options.seed);
  return std::random_device()() >> 1;
}

// ---- Loudspeaker ----

bool Loudspeaker::Write(std::span<const float> sound) {
  if (sound.empty()) return true;
  if (!begun_ && !sink_.Begin(sample_rate_, 1)) return false;
  begun_ = true;
  std::array<std::int16_t, 4096> samples;
  for (std::size_t at = 0; at < sound.size(); at += samples.size()) {
    const std::span<const float> piece = sound.subspan(at, std::min(samples.size(), sound.size() - at));
    std::ranges::transform(piece, samples.begin(), [](float value) {
      const float held = std::isnan(value) ? 0.0F : std::clamp(value, -1.0F, 1.0F);
      return static_cast<std::int16_t>(std::lround(held * 32767.0F));
    });
    if (!sink_.Write({samples.data(), piece.size()})) return false;
  }
  return true;
}

// ---- what comes in ----

Result<> CheckNormal(const std::optional<double>& value, double normal, std::string_view field) {
  if (!value || *value == normal) return {};
  return Fail(Error{Code::kUnsupported, fmt::format("this model cannot change its {}", field),
                    fmt::format("Leave it out, or send {}.", normal)}
                  .At(std::string(field)));
}

Result<Native<mtmd_bitmap>> VoiceOf(const engine_sdk::Recording& recording, int sample_rate) {
  const double seconds = static_cast<double>(recording.samples.size()) / sample_rate;
  if (recording.sample_rate != sample_rate || seconds < kShortestVoice) {
    return Fail(Error{Code::kInvalid, fmt::format("the reference is {:.2f} s long, too short to hear a voice", seconds),
                      "Send 3 to 15 seconds of one person speaking."}
                    .At("reference_audio"));
  }
  const auto heard = std::min(recording.samples.size(), static_cast<std::size_t>(kLongestVoice * sample_rate));
  std::vector<float> sound(heard);
  std::ranges::transform(std::span(recording.samples).first(heard), sound.begin(),
                         [](std::int16_t sample) { return static_cast<float>(sample) / 32768.0F; });
  return Native<mtmd_bitmap>(mtmd_bitmap_init_from_audio(sound.size(), sound.data()));
}

}  // namespace hostler::llama
