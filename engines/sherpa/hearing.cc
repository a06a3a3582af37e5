#include "engines/sherpa/hearing.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/sherpa/asr.h"
#include "engines/sherpa/library.h"
#include "engines/sherpa/pieces.h"
#include "engines/sherpa/words.h"

namespace hostler::sherpa {
namespace {

namespace fs = std::filesystem;
using engine_sdk::Recording;

constexpr std::size_t kShortest = kHearingRate / 2;  // samples; shorter pieces are filled up with silence

Result<Vad> LoadVad(const std::string& path) {
  HOSTLER_OK(ReadOnnxFile(path));
  abi::VadConfig config;
  config.silero.model = path.c_str();
  Vad vad;
  HOSTLER_OK(Guarded("load silero_vad.onnx", [&] {
    vad.reset(abi::SherpaOnnxCreateVoiceActivityDetector(&config, static_cast<float>(kLongestPiece)));
    return vad != nullptr;
  }));
  return vad;
}

class HearingModel : public engine_sdk::Model {
 public:
  HearingModel(Plan plan, Wish usual, int threads, Recognizer recognizer, Vad vad)
      : plan_(std::move(plan)),
        languages_(LanguagesOf(plan_)),
        threads_(threads),
        usual_(usual),
        told_(std::move(usual)),
        recognizer_(std::move(recognizer)),
        vad_(std::move(vad)) {}

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] Result<wire::Transcript> Transcribe(const wire::TranscribeRequest& request, const Recording& recording,
                                                    const std::function<void(const wire::Segment&)>& on_segment,
                                                    std::stop_token stop) override;

 private:
  struct Heard {
    std::string text;
    std::string language;
    std::vector<wire::Word> words;
  };
  [[nodiscard]] Result<Wish> WishOf(const wire::TranscribeRequest& request) const;
  [[nodiscard]] Result<> Tell(const Wish& wish);
  [[nodiscard]] Result<std::vector<Piece>> Cut(const wire::TranscribeRequest& request, std::span<const float> samples,
                                               const std::stop_token& stop) const;
  [[nodiscard]] Result<Heard> Hear(std::span<const float> samples, Piece piece) const;

  const Plan plan_;
  const std::vector<std::string> languages_;
  const int threads_;
  const Wish usual_;
  Wish told_;
  Recognizer recognizer_;
  const Vad vad_;
};

wire::Capabilities HearingModel::capabilities() const {
  wire::Capabilities can;
  can.transcribe = true;
  can.word_times = HasTimes(plan_.family);
  can.languages = languages_;
  can.input_sample_rate = kHearingRate;
  can.translate = Translates(plan_);
  return can;
}

// "en-us" -> "en", if the model knows it.
Result<std::string> KnownLanguage(const Plan& plan, const std::vector<std::string>& languages, const std::string& tag,
                                  const std::string& field) {
  const std::string wanted = Lower(tag);
  const std::string primary = wanted.substr(0, wanted.find('-'));
  for (const std::string& known : languages) {
    if (known == wanted || known == primary) return known;
  }
  if (languages.empty()) return plan.family == Family::kFunAsrNano ? wanted : "";  // it hears what it was made for
  if (wanted == "auto") return std::string();
  return Fail(Error{Code::kUnsupported, fmt::format("this {} model does not hear \"{}\"", plan.name, Clip(Printable(tag), 40)),
                    "It hears " + Clip(Join(languages, ", "), 400) + "."}
                  .At(field));
}

Result<Wish> HearingModel::WishOf(const wire::TranscribeRequest& request) const {
  Wish wish = usual_;
  if (request.language) {
    HOSTLER_TRY(wish.language, KnownLanguage(plan_, languages_, *request.language, "language"));
  }
  wish.translate = request.translate.value_or(false);
  if (wish.translate && !Translates(plan_))
    return Fail(Error{Code::kUnsupported, fmt::format("this {} model cannot translate", plan_.name),
                      "Use a whisper model of many languages."}
                    .At("translate"));
  if (request.grammar)
    return Fail(
        Error{Code::kUnsupported, fmt::format("a {} model takes no grammar", plan_.name), "Leave it out, or use pocketsphinx."}
            .At("grammar"));
  return wish;
}

// Whisper and canary can be told anew; others are loaded again.
Result<> HearingModel::Tell(const Wish& wish) {
  if (wish == told_) return {};
  if (plan_.family == Family::kWhisper || plan_.family == Family::kCanary) {
    const abi::AsrConfig config = AsrConfigOf(plan_, wish, threads_);
    HOSTLER_OK(Guarded("change the language", [&] {
      abi::SherpaOnnxOfflineRecognizerSetConfig(recognizer_.get(), &config);
      return true;
    }));
  } else {
    recognizer_.reset();
    auto again = LoadAsr(plan_, wish, threads_);
    if (!again) {
      told_ = {"?", false};  // the next request tries again
      return Fail(std::move(again).error());
    }
    recognizer_ = *std::move(again);
  }
  told_ = wish;
  return {};
}

Result<std::vector<Piece>> HearingModel::Cut(const wire::TranscribeRequest& request, std::span<const float> samples,
                                             const std::stop_token& stop) const {
  if (request.vad.value_or(false) && !vad_)
    return Fail(Error{Code::kUnsupported, "there is no voice activity detector",
                      "Put silero_vad.onnx into the model's folder, or load the model with the option vad."}
                    .At("vad"));
  if (!vad_ || !request.vad.value_or(true)) return CutByLoudness(samples);
  return CutBySpeech(vad_.get(), samples, stop);
}

Result<HearingModel::Heard> HearingModel::Hear(std::span<const float> samples, Piece piece) const {
  std::vector<float> sound(samples.begin() + static_cast<std::ptrdiff_t>(piece.begin),
                           samples.begin() + static_cast<std::ptrdiff_t>(piece.end));
  if (sound.size() < kShortest) sound.resize(kShortest);
  Heard heard;
  HOSTLER_OK(Guarded("listen", [&] {
    const Stream stream(abi::SherpaOnnxCreateOfflineStream(recognizer_.get()));
    if (!stream) return false;
    abi::SherpaOnnxAcceptWaveformOffline(stream.get(), kHearingRate, sound.data(), static_cast<std::int32_t>(sound.size()));
    abi::SherpaOnnxDecodeOfflineStream(recognizer_.get(), stream.get());
    const AsrResult result(abi::SherpaOnnxGetOfflineStreamResult(stream.get()));
    // Of what onnxruntime throws, some recognisers make an empty text and a line on stderr.
    if (!result || Complaints().find("exception") != std::string::npos) return false;
    heard.text = RepairUtf8(Trim(result->text == nullptr ? "" : result->text));
    if (result->lang != nullptr) heard.language = result->lang;
    if (result->timestamps == nullptr || result->tokens_arr == nullptr) return true;
    std::vector<Token> tokens;
    for (std::int32_t i = 0; i < result->count; ++i)
      tokens.push_back({result->tokens_arr[i], result->timestamps[i], result->durations == nullptr ? 0 : result->durations[i]});
    heard.words = WordsOf(tokens, static_cast<double>(piece.begin) / kHearingRate, static_cast<double>(piece.end) / kHearingRate);
    return true;
  }));
  // "<|en|>" -> "en"
  if (heard.language.starts_with("<|") && heard.language.ends_with("|>"))
    heard.language = heard.language.substr(2, heard.language.size() - 4);
  return heard;
}

Result<wire::Transcript> HearingModel::Transcribe(const wire::TranscribeRequest& request, const Recording& recording,
                                                  const std::function<void(const wire::Segment&)>& on_segment,
                                                  std::stop_token stop) {
  HOSTLER_TRY(const Wish wish, WishOf(request));
  std::vector<float> samples(recording.samples.size());
  std::transform(recording.samples.begin(), recording.samples.end(), samples.begin(),
                 [](std::int16_t sample) { return static_cast<float>(sample) / 32768.0F; });
  HOSTLER_TRY(const std::vector<Piece> pieces, Cut(request, samples, stop));
  if (!stop.stop_requested()) HOSTLER_OK(Tell(wish));
  wire::Transcript transcript;
  transcript.duration = static_cast<double>(samples.size()) / kHearingRate;
  transcript.language = wish.translate ? "en" : wish.language;
  for (const Piece piece : pieces) {
    if (stop.stop_requested()) break;
    HOSTLER_TRY(Heard heard, Hear(samples, piece));
    if (heard.text.empty()) continue;
    if (transcript.language.empty()) transcript.language = heard.language;
    wire::Segment segment;
    segment.id = static_cast<int>(transcript.segments.size());
    segment.start = std::round(static_cast<double>(piece.begin) * 1000 / kHearingRate) / 1000;
    segment.end = std::round(static_cast<double>(piece.end) * 1000 / kHearingRate) / 1000;
    segment.text = std::move(heard.text);
    if (on_segment) on_segment(segment);
    if (!transcript.text.empty()) transcript.text += ' ';
    transcript.text += segment.text;
    transcript.segments.push_back(std::move(segment));
    if (request.words.value_or(false)) std::move(heard.words.begin(), heard.words.end(), std::back_inserter(transcript.words));
  }
  return transcript;
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> LoadHearing(Plan plan, const HearingOptions& options,
                                                       const engine_sdk::LoadContext& context) {
  Wish usual;
  if (options.language) {
    HOSTLER_TRY(usual.language, KnownLanguage(plan, LanguagesOf(plan), *options.language, "options.language"));
  }
  Vad vad;
  std::error_code ec;
  const std::string own = (plan.folder / "silero_vad.onnx").string();
  if (options.vad || fs::exists(own, ec)) {
    auto loaded = LoadVad(options.vad.value_or(own));
    if (!loaded) return Fail(options.vad ? std::move(loaded).error().At("options.vad") : std::move(loaded).error());
    vad = *std::move(loaded);
  }
  context.progress("reading weights", std::nullopt);
  HOSTLER_TRY(Recognizer recognizer, LoadAsr(plan, usual, context.threads));
  return std::make_unique<HearingModel>(std::move(plan), std::move(usual), context.threads, std::move(recognizer),
                                        std::move(vad));
}

}  // namespace hostler::sherpa
