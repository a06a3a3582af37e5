#include "engines/llama/qwen_tts.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "base/text.h"
#include "engine_sdk/sentences.h"
#include "engines/llama/languages.h"
#include "engines/llama/qwen_voices.h"

namespace hostler::llama {
namespace {

using engine_sdk::AudioSink;

constexpr double kFramesPerSecond = 12.5;
// A model that never stops is stopped: a second for each token of the text is three times as slow as anybody reads.
constexpr double kSecondsPerToken = 1.0;
constexpr double kSecondsBeside = 4;
// Pieces of a text. A designed voice is another one in each piece, so there are as few as the context allows.
constexpr std::size_t kLongestPiece = 600;      // characters
constexpr std::size_t kLongestDesigned = 2000;  // characters
constexpr int kFewestFrames = 25;               // that there must be room for after a prompt

std::string MetaOf(const llama_model* model, const char* key) {
  char text[256] = {};
  return llama_model_meta_val_str(model, key, text, sizeof text) < 0 ? std::string() : std::string(text);
}

// All that tells what the model is called, in small letters.
std::string NamesOf(const SpeechParts& parts) {
  std::string names = parts.files.main.filename().string() + " " + parts.files.main.parent_path().filename().string();
  for (const char* key : {"general.name", "general.basename", "general.finetune", "general.size_label"})
    names += " " + MetaOf(parts.model.get(), key);
  names = Lower(names);
  std::erase_if(names, [](char c) { return c == '-' || c == '_' || c == ' '; });
  return names;
}

// Speakers are in the vocabulary; that a model takes descriptions is only in its name.
Result<QwenTts::Kind> KindOf(const SpeechParts& parts, const QwenTokens& tokens) {
  const std::string wanted = parts.options.kind.value_or("");
  if (wanted == "custom_voice" && tokens.speakers.empty()) {
    return Fail(Error{Code::kInvalid, "this model has no preset speakers", "Leave it out, or load a CustomVoice model."}.At(
        "options.kind"));
  }
  if (wanted == "custom_voice" || (wanted.empty() && !tokens.speakers.empty())) return QwenTts::Kind::kCustomVoice;
  if (wanted == "voice_design" || (wanted.empty() && NamesOf(parts).find("voicedesign") != std::string::npos))
    return QwenTts::Kind::kVoiceDesign;
  return QwenTts::Kind::kBase;
}

std::string Hint(const std::string& word, const std::vector<std::string>& known, const std::string& route) {
  const std::string near = Nearest(word, known);
  return near.empty() ? fmt::format("GET {} lists them.", route) : fmt::format("Did you mean \"{}\"?", near);
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> MakeQwenTts(SpeechParts parts) {
  return QwenTts::Create(std::move(parts));
}

Result<std::unique_ptr<QwenTts>> QwenTts::Create(SpeechParts parts) {
  HOSTLER_TRY(QwenTokens tokens, QwenTokens::Read(llama_model_get_vocab(parts.model.get())));
  HOSTLER_TRY(EmbeddingRows rows, EmbeddingRows::Open(parts.files.main, parts.width()));
  HOSTLER_TRY(const Kind kind, KindOf(parts, tokens));
  if (kind == Kind::kBase && !parts.can_clone()) {
    return Fail(Code::kInvalid, "the mmproj has no encoder of voices, without which this model cannot speak",
                "Take the mmproj of the same repository, or say with the option kind what the model is.");
  }
  HOSTLER_TRY(const Dice dice, Dice::WarmUp(parts));
  return std::unique_ptr<QwenTts>(new QwenTts(std::move(parts), std::move(tokens), std::move(rows), dice, kind));
}

// ---- what it can do ----

// The authors' program drops instructions for the small CustomVoice model, which was not trained on them.
bool QwenTts::takes_instructions() const {
  return kind_ == Kind::kVoiceDesign || (kind_ == Kind::kCustomVoice && NamesOf(parts_).find("0.6b") == std::string::npos);
}

std::string QwenTts::default_voice() const {
  if (kind_ != Kind::kCustomVoice) return {};
  return DescribeQwenVoice(tokens_.speakers.contains("ryan") ? "ryan" : tokens_.speakers.begin()->first).voice.id;
}

wire::Capabilities QwenTts::capabilities() const {
  wire::Capabilities can;
  can.streaming = true;
  can.voice_clone = kind_ == Kind::kBase;
  can.voice_design = kind_ == Kind::kVoiceDesign;
  can.instructions = takes_instructions();
  can.sample_rate = parts_.sample_rate();
  if (can.voice_clone) can.input_sample_rate = mtmd_get_audio_sample_rate(parts_.mtmd.get());
  can.default_voice = default_voice();
  for (const auto& [name, token] : tokens_.languages) {
    if (!name.ends_with("_dialect")) can.languages.push_back(LanguageCode(name));
  }
  if (kind_ != Kind::kCustomVoice) return can;
  for (const auto& [name, token] : tokens_.speakers) {
    const QwenVoice speaker = DescribeQwenVoice(name);
    can.speakers.push_back({speaker.voice.name, speaker.description, speaker.voice.language});
  }
  return can;
}

std::vector<wire::Voice> QwenTts::voices() const {
  std::vector<wire::Voice> voices;
  if (kind_ != Kind::kCustomVoice) return voices;
  for (const auto& [name, token] : tokens_.speakers) voices.push_back(DescribeQwenVoice(name).voice);
  return voices;
}

// ---- what is asked for ----

Result<std::string> QwenTts::SpeakerOf(const std::optional<std::string>& voice) const {
  const std::string wanted = Lower(voice.value_or(default_voice()));
  if (kind_ == Kind::kCustomVoice && tokens_.speakers.contains(wanted)) return wanted;
  if (kind_ != Kind::kCustomVoice && !voice) return std::string();
  std::vector<std::string> known;
  for (const wire::Voice& one : voices()) known.push_back(one.id);
  return Fail(Error{Code::kNotFound, fmt::format("unknown voice \"{}\"", *voice),
                    known.empty() ? "This model has no voices of its own: leave it out." : Hint(*voice, known, "/voices")}
                  .At("voice"));
}

Result<std::optional<llama_token>> QwenTts::LanguageOf(const std::optional<std::string>& language,
                                                       const std::string& speaker) const {
  const std::string name = language ? LanguageName(*language) : "auto";
  if (name == "auto" || name == "chinese") {
    const auto dialect = tokens_.languages.find(DescribeQwenVoice(speaker).dialect);
    if (dialect != tokens_.languages.end()) return dialect->second;
  }
  if (name == "auto") return std::nullopt;
  if (const auto found = tokens_.languages.find(name); found != tokens_.languages.end()) return found->second;
  return Fail(Error{Code::kNotFound, fmt::format("this model does not speak \"{}\"", *language),
                    Hint(*language, capabilities().languages, "/capabilities")}
                  .At("language"));
}

Result<Row> QwenTts::EncodeVoice(const engine_sdk::Recording& reference) const {
  HOSTLER_TRY(const Native<mtmd_bitmap> voice, VoiceOf(reference, mtmd_get_audio_sample_rate(parts_.mtmd.get())));
  const std::string marker = mtmd_default_marker();
  const mtmd_input_text text{marker.c_str(), marker.size(), false, true};
  const Native<mtmd_input_chunks> chunks(mtmd_input_chunks_init());
  const mtmd_bitmap* bitmap = voice.get();
  if (mtmd_tokenize(parts_.mtmd.get(), chunks.get(), &text, &bitmap, 1) != 0) return Failed("reading the reference");
  for (std::size_t i = 0; i < mtmd_input_chunks_size(chunks.get()); ++i) {
    const mtmd_input_chunk* chunk = mtmd_input_chunks_get(chunks.get(), i);
    if (mtmd_input_chunk_get_type(chunk) != MTMD_INPUT_CHUNK_TYPE_AUDIO) continue;
    if (mtmd_encode_chunk(parts_.mtmd.get(), chunk) != 0) break;
    const float* voice_row = mtmd_get_output_embd(parts_.mtmd.get());
    return Row(voice_row, voice_row + parts_.width());
  }
  return Failed("encoding the reference");
}

Result<> QwenTts::Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) {
  HOSTLER_OK(CheckManner(request));
  HOSTLER_TRY(const std::string speaker, SpeakerOf(request.voice));
  if (request.instructions && !takes_instructions()) {
    return Fail(
        Error{Code::kUnsupported, "this model takes no instructions", "Leave them out, or load a larger CustomVoice model."}.At(
            "instructions"));
  }
  if (kind_ == Kind::kBase) {
    return Fail(Code::kUnsupported, "this model has no voice of its own: it speaks with the voice of a recording",
                "Send reference audio to /generate/clone, or load a CustomVoice model.");
  }
  if (kind_ == Kind::kVoiceDesign) {
    if (!request.instructions || Trim(*request.instructions).empty()) {
      return Fail(Error{Code::kInvalid, "this model makes its voice from a description, and there is none",
                        "Describe the voice in instructions, or use /generate/design."}
                      .At("instructions"));
    }
    return Design({request.model_id, request.text, *request.instructions, {}, request.language}, sink, std::move(stop));
  }
  QwenPrompt prompt;
  HOSTLER_TRY(prompt.language, LanguageOf(request.language, speaker));
  HOSTLER_TRY(prompt.speaker, rows_.Get(tokens_.speakers.at(speaker)));
  prompt.instruction = Trim(request.instructions.value_or(""));
  return Speak(request.text, std::move(prompt), kLongestPiece, sink, stop);
}

Result<> QwenTts::Clone(const wire::CloneRequest& request, const engine_sdk::Recording& reference, AudioSink& sink,
                        std::stop_token stop) {
  if (kind_ != Kind::kBase) return Model::Clone(request, reference, sink, std::move(stop));
  HOSTLER_OK(CheckManner(request));
  QwenPrompt prompt;
  HOSTLER_TRY(prompt.language, LanguageOf(request.language, ""));
  HOSTLER_TRY(prompt.speaker, EncodeVoice(reference));  // the sound of a voice is enough: a transcript would change nothing
  return Speak(request.text, std::move(prompt), kLongestPiece, sink, stop);
}

Result<> QwenTts::Design(const wire::DesignRequest& request, AudioSink& sink, std::stop_token stop) {
  if (kind_ != Kind::kVoiceDesign) return Model::Design(request, sink, std::move(stop));
  HOSTLER_OK(CheckManner(request));
  QwenPrompt prompt;
  HOSTLER_TRY(prompt.language, LanguageOf(request.language, ""));
  prompt.instruction = Trim(request.description);
  return Speak(request.text, std::move(prompt), kLongestDesigned, sink, stop);
}

// ---- how it speaks ----

Result<> QwenTts::Speak(const std::string& text, QwenPrompt prompt, std::size_t longest, AudioSink& sink,
                        const std::stop_token& stop) {
  std::uint32_t seed = FirstSeed(parts_.options);
  const auto speak = [&](const std::string& piece, AudioSink& out) -> Result<> {
    prompt.text = piece;
    Loudspeaker loudspeaker(out, parts_.sample_rate());
    return SpeakPiece(prompt, seed++, loudspeaker, stop);
  };
  return engine_sdk::SpeakBySentence(text, sink, stop, speak, {.longest = longest, .first = longest});
}

Result<> QwenTts::SpeakPiece(const QwenPrompt& prompt, std::uint32_t seed, Loudspeaker& out, const std::stop_token& stop) {
  HOSTLER_TRY(std::vector<float> embeddings, Compose(prompt, tokens_, vocabulary(), rows_));
  const int room = static_cast<int>(llama_n_ctx(parts_.context.get())) - static_cast<int>(embeddings.size()) / rows_.width();
  if (room < kFewestFrames) {
    return Fail(Code::kTooLarge, "the text and its instruction leave no room for speech in the model's context",
                "Shorten the instruction, or load the model with a larger option context.");
  }
  const auto tokens = static_cast<double>(Tokenize(vocabulary(), prompt.text).size());
  const double seconds = parts_.options.max_seconds.value_or(kSecondsBeside + kSecondsPerToken * tokens);
  const int limit = std::min(room, static_cast<int>(std::ceil(seconds * kFramesPerSecond)));

  HOSTLER_OK(dice_.Restart(seed));
  llama_memory_clear(llama_get_memory(parts_.context.get()), true);
  position_ = 0;
  HOSTLER_TRY(Row state, Decode(embeddings, stop));
  HOSTLER_TRY(const Row pad, rows_.Get(tokens_.text_pad));  // the text is over before the first frame
  const Sampling sampling(parts_.options);
  CodeSampler codes(sampling, tokens_, vocabulary(), seed);
  QwenSound sound(parts_.mtmd.get(), sampling, seed);
  int frame = 0;
  for (; frame < limit && !stop.stop_requested(); ++frame) {
    const llama_token code = codes.Next(parts_.context.get());
    if (code == tokens_.codec_eos) break;
    dice_.Rolls(seed);
    HOSTLER_TRY(Row next, sound.AddFrame(code - tokens_.first_code, state));
    HOSTLER_TRY(const std::vector<float> due, sound.Due());
    if (!out.Write(due)) return {};
    std::ranges::transform(next, pad, next.begin(), std::plus<>());
    HOSTLER_TRY(state, Decode(next, stop));
  }
  if (stop.stop_requested()) return {};
  if (frame == limit) parts_.log->Warning("The model did not stop: cut after {:.1f} s of speech", limit / kFramesPerSecond);
  HOSTLER_TRY(const std::vector<float> rest, sound.Rest());
  (void)out.Write(rest);
  return {};
}

Result<Row> QwenTts::Decode(std::vector<float>& embeddings, const std::stop_token& stop) {
  const int width = rows_.width();
  const int count = static_cast<int>(embeddings.size()) / width;
  const auto step = static_cast<int>(llama_n_batch(parts_.context.get()));
  // Its positions have four parts, all alike where nothing is a picture.
  const int parts = llama_model_rope_type(parts_.model.get()) == LLAMA_ROPE_TYPE_IMROPE ||
                            llama_model_rope_type(parts_.model.get()) == LLAMA_ROPE_TYPE_MROPE
                        ? 4
                        : 1;
  for (int at = 0; at < count && !stop.stop_requested(); at += step) {
    const int size = std::min(step, count - at);
    std::vector<llama_pos> positions(static_cast<std::size_t>(size * parts));
    for (int i = 0; i < size * parts; ++i) positions[static_cast<std::size_t>(i)] = position_ + i % size;
    std::vector<std::int8_t> wanted(static_cast<std::size_t>(size), 1);
    llama_batch batch{};
    batch.n_tokens = size;
    batch.embd = embeddings.data() + static_cast<std::ptrdiff_t>(at) * width;
    batch.pos = positions.data();
    batch.logits = wanted.data();
    if (llama_decode(parts_.context.get(), batch) != 0) return Failed("the language model");
    position_ += size;
  }
  if (stop.stop_requested()) return Row(static_cast<std::size_t>(width));
  const float* state = llama_get_embeddings_ith(parts_.context.get(), -1);
  return Row(state, state + width);
}

}  // namespace hostler::llama
