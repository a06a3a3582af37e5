#include "engines/whisper/model.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/whisper/hearing.h"
#include "engines/whisper/languages.h"
#include "engines/whisper/library.h"
#include "media/cut.h"

namespace hostler::whisper {
namespace {

constexpr std::size_t kPiece = std::size_t{10} * 60 * kRate;  // samples
constexpr std::size_t kLeast = kRate / 10;                    // whisper.cpp does not listen to less
// Only the last 224 tokens count. whisper.cpp takes a text apart with a recursive matcher, whose stack grows with a word's
// length.
constexpr std::size_t kPrompt = 2048;  // bytes

// The last bytes of it, from the beginning of a character.
std::string Tail(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  text.remove_prefix(text.size() - bytes);
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U) text.remove_prefix(1);
  return std::string(text);
}

// libwhisper has freed its state itself in this case.
constexpr int kStateIsGone = -7;

Error Failed(std::string_view what) {
  const std::string complaint = TakeComplaint();
  return Error{Code::kInternal, complaint.empty() ? std::string(what) : fmt::format("{}: {}", what, complaint),
               "GET /logs says more; a damaged model fails like this, too."};
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> WhisperModel::Create(ContextPtr context, VoiceActivityPtr voice_activity,
                                                                Settings settings, log::Log& log) {
  std::unique_ptr<WhisperModel> model(new WhisperModel(std::move(context), std::move(voice_activity), settings, log));
  HOSTLER_OK(model->Renew());  // at the load, so that its memory is counted with the model's
  return model;
}

WhisperModel::WhisperModel(ContextPtr context, VoiceActivityPtr voice_activity, Settings settings, log::Log& log)
    : context_(std::move(context)),
      voice_activity_(std::move(voice_activity)),
      settings_(settings),
      log_(log),
      multilingual_(whisper_is_multilingual(context_.get()) != 0) {}

// A new state for each transcription: it remembers text and where its chance stood, and the same request gets the same answer.
Result<> WhisperModel::Renew() {
  state_.reset();
  used_ = false;
  state_.reset(whisper_init_state(context_.get()));
  if (state_) return {};
  Error error = Failed("whisper.cpp cannot get the memory to work in");
  error.code = Code::kUnavailable;
  return Fail(std::move(error));
}

wire::Capabilities WhisperModel::capabilities() const {
  wire::Capabilities can;
  can.transcribe = true;
  can.word_times = true;
  can.translate = multilingual_;
  can.languages = multilingual_ ? Languages() : std::vector<std::string>{"en"};
  can.input_sample_rate = kRate;
  return can;
}

// The language as whisper.cpp wants it, if the request can be fulfilled at all.
Result<std::string> WhisperModel::Check(const wire::TranscribeRequest& request) const {
  if (request.grammar) {
    return Fail(Error{Code::kUnsupported, "whisper takes no grammar", "Send a prompt, or use pocketsphinx."}.At("grammar"));
  }
  if (request.translate.value_or(false) && !multilingual_) {
    return Fail(Error{Code::kUnsupported, "this model hears English only and has nothing to translate",
                      "Use a whisper model without .en in its name."}
                    .At("translate"));
  }
  if (request.vad.value_or(false) && !voice_activity_) {
    return Fail(Error{Code::kUnsupported, "leaving silence out needs a voice activity model, and none is loaded",
                      "Put whisper.cpp's ggml-silero-*.bin beside the weights or set the load option vad_model, and load again."}
                    .At("vad"));
  }
  if (const double temperature = request.temperature.value_or(0); !(temperature >= 0 && temperature <= 1))
    return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", temperature), "Use 0 to 1."}.At("temperature"));
  if (request.prompt && request.prompt->contains('\0'))
    return Fail(Error{Code::kInvalid, "the prompt has a NUL character in it", "Send plain text."}.At("prompt"));
  return LanguageOf(request.language.value_or(""), multilingual_);
}

whisper_full_params WhisperModel::Params(const wire::TranscribeRequest& request) const {
  const bool beams = settings_.beam_size > 1;
  whisper_full_params params = whisper_full_default_params(beams ? WHISPER_SAMPLING_BEAM_SEARCH : WHISPER_SAMPLING_GREEDY);
  params.n_threads = settings_.threads;
  params.beam_search.beam_size = settings_.beam_size;
  params.greedy.best_of = settings_.best_of;
  params.temperature = static_cast<float>(request.temperature.value_or(0));
  params.translate = request.translate.value_or(false);
  params.token_timestamps = request.words.value_or(false);
  params.print_progress = params.print_realtime = params.print_timestamps = params.print_special = false;
  return params;
}

Result<std::vector<Stretch>> WhisperModel::Speech(std::span<const std::int16_t> samples, Stretch whole, bool leave_silence_out) {
  if (!leave_silence_out) return std::vector<Stretch>{whole};
  const Piece piece(samples, {whole});
  const std::unique_ptr<whisper_vad_segments, void (*)(whisper_vad_segments*)> found(
      whisper_vad_segments_from_samples(voice_activity_.get(), whisper_vad_default_params(), piece.samples().data(),
                                        static_cast<int>(piece.samples().size())),
      &whisper_vad_free_segments);
  if (!found) return Fail(Failed("the voice activity model failed"));
  std::vector<Stretch> stretches;
  for (int i = 0; i < whisper_vad_segments_n_segments(found.get()); ++i) {
    const auto at = [&](float hundredths) {
      const auto sample = whole.begin + static_cast<std::size_t>(std::max(0.0F, hundredths) * (kRate / 100));
      return std::clamp(sample, stretches.empty() ? whole.begin : stretches.back().end, whole.end);
    };
    const Stretch stretch{at(whisper_vad_segments_get_segment_t0(found.get(), i)),
                          at(whisper_vad_segments_get_segment_t1(found.get(), i))};
    if (stretch.end > stretch.begin) stretches.push_back(stretch);
  }
  return stretches;
}

Result<wire::Transcript> WhisperModel::Transcribe(const wire::TranscribeRequest& request, const engine_sdk::Recording& recording,
                                                  const std::function<void(const wire::Segment&)>& on_segment,
                                                  std::stop_token stop) {
  HOSTLER_TRY(std::string language, Check(request));
  if (used_ || !state_) HOSTLER_OK(Renew());
  used_ = true;
  (void)TakeComplaint();

  const std::span<const std::int16_t> samples(recording.samples);
  const std::string prompt = Tail(request.prompt.value_or(""), kPrompt);
  Hearing hearing(context_.get(), static_cast<double>(samples.size()) / kRate, request.words.value_or(false), on_segment, stop);
  whisper_full_params params = Params(request);
  params.initial_prompt = prompt.empty() ? nullptr : prompt.c_str();
  hearing.ListenTo(params);

  for (std::size_t begin = 0; begin < samples.size() && !stop.stop_requested();) {
    const Stretch whole{begin, media::CutAt(samples, begin, kPiece, kRate)};
    begin = whole.end;
    HOSTLER_TRY(std::vector<Stretch> speech, Speech(samples, whole, request.vad.value_or(false)));
    if (speech.empty()) continue;
    const Piece piece(samples, std::move(speech));
    if (piece.samples().size() < kLeast) continue;
    hearing.Begin(piece);
    params.language = language.c_str();
    const int status = whisper_full_with_state(context_.get(), state_.get(), params, piece.samples().data(),
                                               static_cast<int>(piece.samples().size()));
    if (status == kStateIsGone) (void)state_.release();
    if (stop.stop_requested()) break;
    if (status != 0) return Fail(Failed("whisper.cpp failed"));
    // What was found out and said in the first piece goes on in the next ones.
    language = whisper_lang_str(whisper_full_lang_id_from_state(state_.get()));
    params.initial_prompt = nullptr;
    params.no_context = false;
    if (begin < samples.size()) log_.Info("Heard {} of {} s", begin / kRate, samples.size() / kRate);
  }
  wire::Transcript transcript = std::move(hearing.transcript());
  transcript.text = Trim(transcript.text);
  transcript.language = language == "auto" ? "und" : TagOf(language);
  return transcript;
}

}  // namespace hostler::whisper
