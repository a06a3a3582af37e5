#include "engines/sherpa/speaking.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/clock.h"
#include "base/text.h"
#include "engine_sdk/sentences.h"
#include "engine_sdk/sound.h"
#include "engines/sherpa/library.h"
#include "engines/sherpa/mixer.h"
#include "engines/sherpa/tts.h"
#include "engines/sherpa/voices.h"
#include "os/files.h"

namespace hostler::sherpa {
namespace {

namespace fs = std::filesystem;
using engine_sdk::AudioSink;
using engine_sdk::Recording;

constexpr double kShortestReference = 0.5;  // s
constexpr double kLongestReference = 30;
constexpr std::uint64_t kLargestClip = 64 << 20;  // bytes

// A recording that lies with a model whose voices are recordings.
struct VoiceClip {
  fs::path audio;
  std::string transcript;
};

// By name. A model that wants to know what is said has clips with a text beside them.
std::map<std::string, VoiceClip> ClipsOf(const Plan& plan) {
  std::map<std::string, VoiceClip> clips;
  if (!Clones(plan.family)) return clips;
  for (const char* folder : {"voices", "test_wavs"}) {
    std::error_code ec;
    for (fs::directory_iterator it(plan.folder / folder, ec), end; !ec && it != end; it.increment(ec)) {
      if (Lower(it->path().extension().string()) != ".wav") continue;
      const auto text = os::ReadFile(fs::path(it->path()).replace_extension(".txt"), 64 << 10);
      if (!text && plan.family == Family::kZipvoice) continue;
      clips.emplace(it->path().stem().string(), VoiceClip{it->path(), text ? std::string(Trim(*text)) : ""});
    }
  }
  return clips;
}

std::vector<float> ToFloats(const std::vector<std::int16_t>& samples) {
  std::vector<float> floats(samples.size());
  std::transform(samples.begin(), samples.end(), floats.begin(),
                 [](std::int16_t sample) { return static_cast<float>(sample) / 32768.0F; });
  return floats;
}

// Hands the library's samples on; remembers whether anybody listens.
struct Listener {
  AudioSink& sink;
  const std::stop_token& stop;
  int sample_rate = 0;
  double volume = 1;
  bool begun = false;
  bool gone = false;

  bool Take(std::span<const float> samples) {
    if (stop.stop_requested() || gone) return false;
    if (samples.empty()) return true;
    if (!begun) gone = !sink.Begin(sample_rate, 1);
    begun = true;
    std::vector<std::int16_t> pcm(samples.size());
    std::transform(samples.begin(), samples.end(), pcm.begin(), [this](float sample) {
      const double loud = std::isfinite(sample) ? std::clamp(sample * volume, -1.0, 1.0) : 0;
      return static_cast<std::int16_t>(std::lround(loud * 32767));
    });
    gone = gone || !sink.Write(pcm);
    return !gone;
  }
};

class SpeakingModel : public engine_sdk::Model {
 public:
  SpeakingModel(Plan plan, SpeakingOptions options, const engine_sdk::LoadContext& context, Tts tts)
      : plan_(std::move(plan)), options_(options), threads_(context.threads), log_(*context.log), tts_(std::move(tts)) {}
  Result<> Prepare();

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] std::vector<wire::Voice> voices() const override { return voices_; }
  [[nodiscard]] Result<> Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<> Clone(const wire::CloneRequest& request, const Recording& reference, AudioSink& sink,
                               std::stop_token stop) override;

 private:
  // What one request wants, the same for all its sentences.
  struct Order {
    const abi::Tts* tts = nullptr;
    int speaker = 0;
    double speed = 1;
    double volume = 1;
    std::optional<std::string> language;  // as the library calls it; nothing, or empty: its own choice
    std::vector<float> reference;
    int reference_rate = 0;
    std::string transcript;
  };
  [[nodiscard]] Result<> ChooseVoice(const std::optional<std::string>& voice, Order& order);
  [[nodiscard]] Result<> ChooseLanguage(const std::optional<std::string>& language, Order& order) const;
  [[nodiscard]] Result<> ChooseSpeed(std::optional<double> speed, Order& order) const;
  [[nodiscard]] Result<> UseReference(const Recording& reference, std::string transcript, Order& order) const;
  [[nodiscard]] Result<> Mix(const std::vector<Part>& parts, Order& order);
  [[nodiscard]] Result<> Speak(const std::string& text, const Order& order, AudioSink& sink, const std::stop_token& stop) const;
  [[nodiscard]] Result<bool> SpeakPiece(const std::string& piece, const Order& order, AudioSink& sink,
                                        const std::stop_token& stop) const;
  [[nodiscard]] std::string Extra(const Order& order) const;
  [[nodiscard]] std::string DefaultVoice() const;

  const Plan plan_;
  const SpeakingOptions options_;
  const int threads_;
  log::Log& log_;
  const Tts tts_;
  int sample_rate_ = 0;
  std::vector<wire::Voice> voices_;
  std::map<std::string, VoiceClip> clips_;
  std::optional<Mixer> mixer_;  // from the first mixture on
};

Result<> SpeakingModel::Prepare() {
  int speakers = 0;
  HOSTLER_OK(Guarded("say what this model is", [&] {
    sample_rate_ = abi::SherpaOnnxOfflineTtsSampleRate(tts_.get());
    speakers = abi::SherpaOnnxOfflineTtsNumSpeakers(tts_.get());
    return sample_rate_ > 0 && speakers >= 0 && speakers < 100'000;
  }));
  clips_ = ClipsOf(plan_);
  if (!Clones(plan_.family)) voices_ = NameVoices(plan_, speakers);
  for (const auto& [name, clip] : clips_) voices_.push_back({name, name, "", "unknown"});
  return {};
}

std::string SpeakingModel::DefaultVoice() const {
  for (const wire::Voice& voice : voices_) {
    if (voice.id == "af_heart") return voice.id;
  }
  return voices_.empty() ? "" : voices_.front().id;
}

wire::Capabilities SpeakingModel::capabilities() const {
  wire::Capabilities can;
  can.streaming = true;
  can.voice_clone = Clones(plan_.family);
  can.voice_blend = Mixes(plan_.family) && voices_.size() > 1;
  can.speed_control = plan_.family != Family::kPocket;
  can.sample_rate = sample_rate_;
  can.default_voice = DefaultVoice();
  std::set<std::string> languages;
  for (const wire::Voice& voice : voices_) {
    if (!voice.language.empty()) languages.insert(voice.language);
    can.speakers.push_back({voice.id, voice.name, voice.language});
  }
  can.languages.assign(languages.begin(), languages.end());
  return can;
}

Result<> SpeakingModel::ChooseVoice(const std::optional<std::string>& voice, Order& order) {
  const std::string wanted = voice.value_or(DefaultVoice());
  if (voices_.empty()) {
    return Fail(Error{Code::kUnsupported, fmt::format("a {} model speaks with the voice of a recording", plan_.name),
                      "Send a reference (clone), or put recordings as NAME.wav into the folder voices/ of the model."}
                    .At("voice"));
  }
  HOSTLER_TRY(const std::vector<Part> parts, ParseVoice(wanted, voices_));
  const wire::Voice& first = voices_[static_cast<std::size_t>(parts.front().speaker)];
  if (const auto clip = clips_.find(first.id); clip != clips_.end()) {
    if (parts.size() > 1) return Fail(Error{Code::kUnsupported, "recordings cannot be mixed", "Name one voice."}.At("voice"));
    HOSTLER_TRY(const std::string wav, os::ReadFile(clip->second.audio, kLargestClip));
    HOSTLER_TRY(const Recording recording, engine_sdk::ToRecording(wav, 0));
    return UseReference(recording, clip->second.transcript, order);
  }
  // What a mixture speaks is what its first voice speaks.
  if (plan_.family == Family::kKokoro && !order.language) order.language = KokoroLanguage(first.language);
  order.speaker = parts.front().speaker;
  order.tts = tts_.get();
  return parts.size() == 1 ? Result<>() : Mix(parts, order);
}

Result<> SpeakingModel::Mix(const std::vector<Part>& parts, Order& order) {
  if (!Mixes(plan_.family)) {
    return Fail(Error{Code::kUnsupported, fmt::format("voices of a {} model cannot be mixed", plan_.name),
                      "Name one voice, or use kokoro."}
                    .At("voice"));
  }
  if (!mixer_) {
    auto load = [this](const std::string& voices) { return LoadTts(plan_, voices, threads_); };
    HOSTLER_TRY(mixer_, Mixer::Create(plan_.File("voices"), static_cast<int>(voices_.size()), std::move(load)));
  }
  const auto start = Clock::now();
  HOSTLER_TRY(const Mixer::Mixture mixture, mixer_->Get(parts));
  if (mixture.loaded) log_.Info("Loaded the model again for a mixed voice in {:.2f} s", Seconds(Clock::now() - start));
  order.tts = mixture.tts;
  order.speaker = mixture.speaker;
  return {};
}

Result<> SpeakingModel::ChooseLanguage(const std::optional<std::string>& language, Order& order) const {
  if (!language) return {};
  if (plan_.family == Family::kKokoro) order.language = KokoroLanguage(*language);
  if (plan_.family == Family::kSupertonic) order.language = PrimaryLanguage(*language);
  const std::vector<std::string> spoken = capabilities().languages;
  const auto fits = [&](const std::string& one) { return PrimaryLanguage(one) == PrimaryLanguage(*language); };
  if (order.language || spoken.empty() || std::any_of(spoken.begin(), spoken.end(), fits)) return {};
  return Fail(Error{Code::kUnsupported,
                    fmt::format("this {} model does not speak \"{}\"", plan_.name, Clip(Printable(*language), 40)),
                    "It speaks " + Join(spoken, ", ") + "."}
                  .At("language"));
}

Result<> SpeakingModel::ChooseSpeed(std::optional<double> speed, Order& order) const {
  order.speed = speed.value_or(1);
  if (order.speed == 1 || plan_.family != Family::kPocket) return {};
  return Fail(Error{Code::kUnsupported, fmt::format("a {} model has one speed", plan_.name), "Leave speed out."}.At("speed"));
}

Result<> SpeakingModel::UseReference(const Recording& reference, std::string transcript, Order& order) const {
  const double seconds = reference.sample_rate > 0 ? static_cast<double>(reference.samples.size()) / reference.sample_rate : 0;
  if (seconds < kShortestReference || seconds > kLongestReference) {
    return Fail(Error{Code::kInvalid, fmt::format("the reference is {:.1f} s long", seconds),
                      "Send 0.5 to 30 s of one voice; 5 to 10 are best."}
                    .At("reference_audio"));
  }
  if (plan_.family == Family::kZipvoice && Trim(transcript).empty()) {
    return Fail(Error{Code::kInvalid, "zipvoice needs to know what is said in the reference", "Send its words as transcript."}.At(
        "transcript"));
  }
  order.tts = tts_.get();
  order.reference = ToFloats(reference.samples);
  order.reference_rate = reference.sample_rate;
  order.transcript = std::move(transcript);
  return {};
}

std::string SpeakingModel::Extra(const Order& order) const {
  boost::json::object extra;
  if (order.language && !order.language->empty()) extra["lang"] = *order.language;
  if (options_.seed) extra["seed"] = *options_.seed;
  return boost::json::serialize(extra);
}

// False: the library found nothing in it that can be spoken.
Result<bool> SpeakingModel::SpeakPiece(const std::string& piece, const Order& order, AudioSink& sink,
                                       const std::stop_token& stop) const {
  const std::string extra = Extra(order);
  abi::Generation generation;
  generation.speed = static_cast<float>(order.speed);
  generation.sid = order.speaker;
  generation.reference_audio = order.reference.data();
  generation.reference_audio_len = static_cast<std::int32_t>(order.reference.size());
  generation.reference_sample_rate = order.reference_rate;
  generation.reference_text = order.transcript.c_str();
  generation.num_steps = options_.steps.value_or(plan_.family == Family::kZipvoice ? 4 : 5);
  generation.extra = extra.c_str();
  Listener listener{sink, stop, sample_rate_, order.volume};
  GeneratedAudio audio;
  HOSTLER_OK(Guarded("speak", [&] {
    const auto take = [](const float* samples, std::int32_t n, float, void* arg) -> std::int32_t {
      return static_cast<Listener*>(arg)->Take({samples, static_cast<std::size_t>(std::max(n, 0))}) ? 1 : 0;
    };
    audio.reset(abi::SherpaOnnxOfflineTtsGenerateWithConfig(order.tts, piece.c_str(), &generation, take, &listener));
    // zipvoice has no steps to report: its sound comes at once.
    if (audio && audio->n > 0 && !listener.begun) listener.Take({audio->samples, static_cast<std::size_t>(audio->n)});
    return true;
  }));
  return listener.begun || listener.gone || stop.stop_requested();
}

Result<> SpeakingModel::Speak(const std::string& text, const Order& order, AudioSink& sink, const std::stop_token& stop) const {
  bool spoken = false;
  std::string complaint;
  HOSTLER_OK(engine_sdk::SpeakBySentence(text, sink, stop, [&](const std::string& piece, AudioSink& out) -> Result<> {
    HOSTLER_TRY(const bool sound, SpeakPiece(piece, order, out, stop));
    if (!sound) complaint = Complaints();
    spoken = spoken || sound;
    return {};
  }));
  if (spoken || stop.stop_requested()) return {};
  return Fail(Error{Code::kInvalid, "the model made no sound of this text" + (complaint.empty() ? "" : ": " + complaint),
                    order.language.value_or("").empty()
                        ? "Send words in a language of the model."
                        : fmt::format("Send words in a language of the model; it was asked for \"{}\".", *order.language)}
                  .At("text"));
}

Result<> SpeakingModel::Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) {
  if (request.pitch.value_or(0) != 0) {
    return Fail(Error{Code::kUnsupported, fmt::format("a {} model has one pitch", plan_.name),
                      "Leave pitch out, or choose another voice."}
                    .At("pitch"));
  }
  Order order;
  order.volume = request.volume.value_or(1);
  HOSTLER_OK(ChooseLanguage(request.language, order));
  HOSTLER_OK(ChooseSpeed(request.speed, order));
  HOSTLER_OK(ChooseVoice(request.voice, order));
  return Speak(request.text, order, sink, stop);
}

Result<> SpeakingModel::Clone(const wire::CloneRequest& request, const Recording& reference, AudioSink& sink,
                              std::stop_token stop) {
  if (!Clones(plan_.family)) return Model::Clone(request, reference, sink, stop);
  Order order;
  HOSTLER_OK(ChooseLanguage(request.language, order));
  HOSTLER_OK(ChooseSpeed(request.speed, order));
  HOSTLER_OK(UseReference(reference, request.transcript.value_or(""), order));
  return Speak(request.text, order, sink, stop);
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> LoadSpeaking(Plan plan, const SpeakingOptions& options,
                                                        const engine_sdk::LoadContext& context) {
  HOSTLER_OK(CheckSpeaking(plan, options));
  context.progress("reading weights", std::nullopt);
  HOSTLER_TRY(Tts tts, LoadTts(plan, "", context.threads));
  auto model = std::make_unique<SpeakingModel>(std::move(plan), options, context, std::move(tts));
  HOSTLER_OK(model->Prepare());
  return model;
}

}  // namespace hostler::sherpa
