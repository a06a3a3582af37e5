// Qwen3-TTS: speaks with the voice of a recording (Base), of a preset speaker with a style (CustomVoice), or of a description
// (VoiceDesign). The prompt is composed here, row by row, because libmtmd's helper knows only that of the Base models and gives
// no sound before the end.
//
// Threads: as engine_sdk/engine.h says of Model.
#pragma once

#include "engines/llama/qwen_codes.h"
#include "engines/llama/qwen_prompt.h"
#include "engines/llama/speech.h"

namespace hostler::llama {

class QwenTts final : public engine_sdk::Model {
 public:
  enum class Kind { kBase, kCustomVoice, kVoiceDesign };

  [[nodiscard]] static Result<std::unique_ptr<QwenTts>> Create(SpeechParts parts);

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] std::vector<wire::Voice> voices() const override;
  [[nodiscard]] Result<> Control(const wire::ControlRequest& request, engine_sdk::AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<> Clone(const wire::CloneRequest& request, const engine_sdk::Recording& reference,
                               engine_sdk::AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<> Design(const wire::DesignRequest& request, engine_sdk::AudioSink& sink, std::stop_token stop) override;

 private:
  QwenTts(SpeechParts parts, QwenTokens tokens, EmbeddingRows rows, Dice dice, Kind kind)
      : parts_(std::move(parts)), tokens_(std::move(tokens)), rows_(std::move(rows)), dice_(dice), kind_(kind) {}

  [[nodiscard]] bool takes_instructions() const;
  [[nodiscard]] std::string default_voice() const;
  [[nodiscard]] const llama_vocab* vocabulary() const { return llama_model_get_vocab(parts_.model.get()); }
  [[nodiscard]] Result<std::optional<llama_token>> LanguageOf(const std::optional<std::string>& language,
                                                              const std::string& speaker) const;
  [[nodiscard]] Result<std::string> SpeakerOf(const std::optional<std::string>& voice) const;
  [[nodiscard]] Result<Row> EncodeVoice(const engine_sdk::Recording& reference) const;

  // Speaks a text in pieces of at most `longest` characters, all else of `prompt` the same.
  [[nodiscard]] Result<> Speak(const std::string& text, QwenPrompt prompt, std::size_t longest, engine_sdk::AudioSink& sink,
                               const std::stop_token& stop);
  [[nodiscard]] Result<> SpeakPiece(const QwenPrompt& prompt, std::uint32_t seed, Loudspeaker& out, const std::stop_token& stop);
  // float[positions][width] go through the language model; yields the state after the last, float[width].
  [[nodiscard]] Result<Row> Decode(std::vector<float>& embeddings, const std::stop_token& stop);

  SpeechParts parts_;
  const QwenTokens tokens_;
  EmbeddingRows rows_;
  Dice dice_;
  const Kind kind_;
  int position_ = 0;  // in the context
};

}  // namespace hostler::llama
