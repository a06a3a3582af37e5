// Pocket TTS: small and quick, speaks one language with the voice of a recording. libmtmd's helper prepares the text and cuts it
// into chunks as the authors do; its sound comes frame by frame.
#include <mtmd-helper.h>

#include <fmt/format.h>

#include "base/text.h"
#include "engine_sdk/sentences.h"
#include "engines/llama/languages.h"
#include "engines/llama/speech.h"

namespace hostler::llama {
namespace {

using engine_sdk::AudioSink;

constexpr double kFramesPerSecond = 12.5;
constexpr int kBatch = 512;
constexpr std::size_t kLongestPiece = 300;  // characters: a text without any stop must not outgrow the context

class PocketTts final : public engine_sdk::Model {
 public:
  PocketTts(SpeechParts parts, Dice dice) : parts_(std::move(parts)), dice_(dice) {}

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] Result<> Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<> Clone(const wire::CloneRequest& request, const engine_sdk::Recording& reference, AudioSink& sink,
                               std::stop_token stop) override;

 private:
  [[nodiscard]] std::string language() const;  // as the model's variant has it: "english_2026-04" -> "english"
  [[nodiscard]] bool IsFull() const {          // no room for another frame
    const llama_pos last = llama_memory_seq_pos_max(llama_get_memory(parts_.context.get()), 0);
    return last + 1 >= static_cast<llama_pos>(llama_n_ctx(parts_.context.get()));
  }
  [[nodiscard]] Result<> CheckLanguage(const std::optional<std::string>& wanted) const;
  [[nodiscard]] Result<> SpeakPiece(const std::string& text, mtmd_bitmap* voice, std::uint32_t seed, Loudspeaker& out,
                                    const std::stop_token& stop);

  SpeechParts parts_;
  Dice dice_;
};

std::string PocketTts::language() const {
  const std::string variant = mtmd_gen_audio_get_info(parts_.mtmd.get()).model_variant;
  return variant.substr(0, variant.find('_'));
}

wire::Capabilities PocketTts::capabilities() const {
  wire::Capabilities can;
  can.streaming = true;
  can.voice_clone = true;
  can.sample_rate = parts_.sample_rate();
  can.input_sample_rate = mtmd_get_audio_sample_rate(parts_.mtmd.get());
  if (!language().empty()) can.languages = {LanguageCode(language())};
  return can;
}

Result<> PocketTts::CheckLanguage(const std::optional<std::string>& wanted) const {
  if (!wanted || language().empty() || LanguageName(*wanted) == language()) return {};
  return Fail(Error{Code::kNotFound, fmt::format("this model does not speak \"{}\"", *wanted),
                    fmt::format("It speaks {}; other languages have models of their own.", language())}
                  .At("language"));
}

// Without a voice it makes hardly a sound (llama.cpp's tools/tts/README.md), and no voice comes with its files.
Result<> PocketTts::Control(const wire::ControlRequest& request, AudioSink&, std::stop_token) {
  if (request.voice) {
    return Fail(Error{Code::kNotFound, fmt::format("unknown voice \"{}\"", *request.voice),
                      "This model has no voices of its own: send reference audio to /generate/clone."}
                    .At("voice"));
  }
  return Fail(Code::kUnsupported, "this model has no voice of its own: it speaks with the voice of a recording",
              "Send reference audio to /generate/clone.");
}

Result<> PocketTts::Clone(const wire::CloneRequest& request, const engine_sdk::Recording& reference, AudioSink& sink,
                          std::stop_token stop) {
  HOSTLER_OK(CheckManner(request));
  HOSTLER_OK(CheckLanguage(request.language));
  HOSTLER_TRY(const Native<mtmd_bitmap> voice, VoiceOf(reference, mtmd_get_audio_sample_rate(parts_.mtmd.get())));
  std::uint32_t seed = FirstSeed(parts_.options);
  const auto speak = [&](const std::string& piece, AudioSink& out) -> Result<> {
    Loudspeaker loudspeaker(out, parts_.sample_rate());
    return SpeakPiece(piece, voice.get(), seed++, loudspeaker, stop);
  };
  return engine_sdk::SpeakBySentence(request.text, sink, stop, speak, {.longest = kLongestPiece, .first = kLongestPiece});
}

Result<> PocketTts::SpeakPiece(const std::string& text, mtmd_bitmap* voice, std::uint32_t seed, Loudspeaker& out,
                               const std::stop_token& stop) {
  HOSTLER_OK(dice_.Restart(seed));
  llama_memory_clear(llama_get_memory(parts_.context.get()), true);
  mtmd_helper::gen_audio speech(parts_.context.get(), parts_.mtmd.get());
  mtmd_helper_gen_audio_inp in{};
  in.prompt = text.data();
  in.prompt_len = text.size();
  in.speaker_ref = voice;
  in.seed = seed;
  in.out_type = MTMD_HELPER_GEN_AUDIO_OUTTYPE_PCM;
  if (speech.set_input(&in) != 0) return Failed("preparing the text and the voice");
  for (std::int32_t left = 1; left > 0 && !stop.stop_requested();) {
    left = speech.step_prompt(kBatch);
    if (left < 0) return Failed("the language model");
  }
  // Each chunk of the text has a budget of its own in libmtmd, so this ends by itself.
  const double most = parts_.options.max_seconds.value_or(3600) * kFramesPerSecond;
  const float* state = llama_get_embeddings_ith(parts_.context.get(), -1);
  std::size_t given = 0;  // samples
  bool done = false;
  for (int frame = 0; !done && frame < most; ++frame) {
    if (stop.stop_requested()) return {};
    const float* next = nullptr;
    dice_.Rolls(seed);
    if (speech.step_gen(LLAMA_TOKEN_NULL, state, &next, &done) != 0) return Failed("predicting a frame");
    state = next;
    const char* data = nullptr;
    std::size_t bytes = 0;
    int rate = 0;
    if (speech.get_output(&rate, &data, &bytes) != 0) return Failed("making sound of a frame");
    const std::span<const float> sound(reinterpret_cast<const float*>(data), bytes / sizeof(float));
    if (!out.Write(sound.subspan(given))) return {};
    given = sound.size();
    if (!done && IsFull()) {
      parts_.log->Warning("The model did not stop: cut where its context ends, after {} frames", frame + 1);
      return {};
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> MakePocketTts(SpeechParts parts) {
  HOSTLER_TRY(const Dice dice, Dice::WarmUp(parts));
  return std::make_unique<PocketTts>(std::move(parts), dice);
}

}  // namespace hostler::llama
