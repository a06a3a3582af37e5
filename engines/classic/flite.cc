#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/text.h"
#include "engines/classic/providers.h"

// flite's headers know nothing of C++; the voices and languages that are linked have no header at all.
extern "C" {
#include <flite/flite.h>
cst_voice* register_cmu_us_kal(const char* folder);
cst_voice* register_cmu_us_kal16(const char* folder);
cst_voice* register_cmu_us_awb(const char* folder);
cst_voice* register_cmu_us_rms(const char* folder);
cst_voice* register_cmu_us_slt(const char* folder);
void usenglish_init(cst_voice* voice);
cst_lexicon* cmulex_init(void);
}

namespace hostler::classic {
namespace {

using engine_sdk::AudioSink;

constexpr std::size_t kPiece = 160;  // bytes: texts are cut at the end of a sentence behind this, so that sound comes early

// Built-in voices are globals that requests change for a moment: one synthesis at a time in the whole process.
std::mutex library;

struct FliteVoice {
  wire::Voice voice;
  cst_voice* handle = nullptr;
  bool own = false;   // came from a file and is deleted with the model
  float pitch = 100;  // Hz, the voice's own mean
};

struct Listener {
  AudioSink& sink;
  double volume = 1;
  bool begun = false;
  bool gone = false;
};

// False: nobody listens any more.
bool Send(Listener& to, const cst_wave& wave, int start, int count) {
  if (!to.begun) to.gone = !to.sink.Begin(wave.sample_rate, 1);
  to.begun = true;
  if (to.gone) return false;
  std::vector<std::int16_t> samples(wave.samples + start, wave.samples + start + count);
  if (to.volume != 1) {
    for (std::int16_t& sample : samples)
      sample = static_cast<std::int16_t>(std::clamp(std::lround(sample * to.volume), -32768L, 32767L));
  }
  to.gone = !to.sink.Write(samples);
  return !to.gone;
}

int OnSamples(const cst_wave* wave, int start, int count, int, cst_audio_streaming_info* info) {
  return count <= 0 || Send(*static_cast<Listener*>(info->userdata), *wave, start, count) ? CST_AUDIO_STREAM_CONT
                                                                                          : CST_AUDIO_STREAM_STOP;
}

std::vector<std::string> Pieces(const std::string& text) {
  std::vector<std::string> pieces(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    pieces.back() += text[i];
    const bool ends = std::string_view(".!?\n").find(text[i]) != std::string_view::npos;
    const bool space = i + 1 < text.size() && std::string_view(" \n\t").find(text[i + 1]) != std::string_view::npos;
    if (ends && space && pieces.back().size() >= kPiece) pieces.emplace_back();
  }
  return pieces;
}

class FliteModel : public engine_sdk::Model {
 public:
  explicit FliteModel(std::vector<FliteVoice> voices) : voices_(std::move(voices)) {}
  ~FliteModel() override;

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] std::vector<wire::Voice> voices() const override;
  [[nodiscard]] Result<> Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) override;

 private:
  [[nodiscard]] Result<const FliteVoice*> Find(const wire::ControlRequest& request) const;
  [[nodiscard]] const FliteVoice& Default() const;
  void Speak(const FliteVoice& voice, const std::string& piece, Listener& to) const;

  const std::vector<FliteVoice> voices_;
};

FliteModel::~FliteModel() {
  const std::lock_guard lock(library);
  for (const FliteVoice& voice : voices_) {
    if (voice.own) delete_voice(voice.handle);
  }
}

const FliteVoice& FliteModel::Default() const {
  const auto slt = std::find_if(voices_.begin(), voices_.end(), [](const FliteVoice& v) { return v.voice.id == "slt"; });
  return slt == voices_.end() ? voices_.front() : *slt;
}

wire::Capabilities FliteModel::capabilities() const {
  wire::Capabilities can;
  can.streaming = true;
  can.speed_control = true;
  can.languages = {"en-us"};
  can.sample_rate = 16000;  // kal alone speaks 8000; every answer says its own
  can.default_voice = Default().voice.id;
  return can;
}

std::vector<wire::Voice> FliteModel::voices() const {
  std::vector<wire::Voice> voices;
  for (const FliteVoice& voice : voices_) voices.push_back(voice.voice);
  return voices;
}

Result<const FliteVoice*> FliteModel::Find(const wire::ControlRequest& request) const {
  if (request.language && !EqualsIgnoringCase(*request.language, "en") && !EqualsIgnoringCase(*request.language, "en-us")) {
    return Fail(Error{Code::kUnsupported, fmt::format("flite does not speak \"{}\"", *request.language),
                      "Use the model espeak for other languages."}
                    .At("language"));
  }
  if (!request.voice) return &Default();
  std::vector<std::string> ids;
  for (const FliteVoice& voice : voices_) {
    if (EqualsIgnoringCase(voice.voice.id, *request.voice)) return &voice;
    ids.push_back(voice.voice.id);
  }
  return Fail(
      Error{Code::kNotFound, fmt::format("unknown voice \"{}\"", *request.voice), "Use one of: " + Join(ids, ", ") + "."}.At(
          "voice"));
}

// REQUIRES: the library's mutex.
void FliteModel::Speak(const FliteVoice& voice, const std::string& piece, Listener& to) const {
  cst_audio_streaming_info* info = new_audio_streaming_info();
  info->asc = &OnSamples;
  info->min_buffsize = 256;
  info->userdata = &to;
  feat_set(voice.handle->features, "streaming_info", audio_streaming_info_val(info));
  const bool begun = to.begun;
  cst_wave* wave = flite_text_to_wave(piece.c_str(), voice.handle);
  feat_remove(voice.handle->features, "streaming_info");
  if (wave == nullptr) return;
  // Some voices of other makers do not stream: theirs comes at the end.
  if (!begun && !to.begun && wave->num_samples > 0) (void)Send(to, *wave, 0, wave->num_samples);
  delete_wave(wave);
}

Result<> FliteModel::Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) {
  HOSTLER_TRY(const FliteVoice* voice, Find(request));
  Listener here{sink, request.volume.value_or(1)};
  const std::lock_guard lock(library);
  cst_features* features = voice->handle->features;
  const float stretch = get_param_float(features, "duration_stretch", 1.0F);
  feat_set_float(features, "duration_stretch", static_cast<float>(stretch / request.speed.value_or(1)));
  feat_set_float(features, "int_f0_target_mean", static_cast<float>(voice->pitch * std::exp2(request.pitch.value_or(0))));
  for (const std::string& piece : Pieces(request.text)) {
    if (stop.stop_requested() || here.gone) break;
    Speak(*voice, piece, here);
  }
  feat_set_float(features, "duration_stretch", stretch);
  feat_set_float(features, "int_f0_target_mean", voice->pitch);
  if (!here.begun && !stop.stop_requested())
    return Fail(Code::kInternal, "flite made no sound of this text", "Send a text with words.");
  return {};
}

void Add(std::vector<FliteVoice>& voices, cst_voice* handle, std::string id, std::string name, std::string gender, bool own) {
  const float pitch = get_param_float(handle->features, "int_f0_target_mean", 100.0F);
  voices.push_back({{std::move(id), std::move(name), "en-us", std::move(gender)}, handle, own, pitch});
}

Result<> AddFolder(std::vector<FliteVoice>& voices, const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".flitevox") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    cst_voice* voice = flite_voice_load(file.c_str());
    if (voice == nullptr) {
      for (const FliteVoice& loaded : voices) delete_voice(loaded.handle);
      return Fail(Code::kInternal, fmt::format("flite cannot read {}", file.filename().string()), "Download the voice again.");
    }
    const std::string id = file.stem();
    Add(voices, voice, id, get_param_string(voice->features, "name", id.c_str()),
        Lower(get_param_string(voice->features, "gender", "unknown")), true);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> LoadFlite(const engine_sdk::LoadContext& context) {
  HOSTLER_OK(ReadOptions<NoOptions>(context));
  const std::lock_guard lock(library);
  static std::once_flag once;
  std::call_once(once, [] {
    flite_init();
    char eng[] = "eng";
    char cmu[] = "cmu_us";
    flite_add_lang(eng, &usenglish_init, &cmulex_init);
    flite_add_lang(cmu, &usenglish_init, &cmulex_init);
  });
  std::vector<FliteVoice> voices;
  if (context.path.empty()) {
    Add(voices, register_cmu_us_slt(nullptr), "slt", "SLT", "female", false);
    Add(voices, register_cmu_us_rms(nullptr), "rms", "RMS", "male", false);
    Add(voices, register_cmu_us_awb(nullptr), "awb", "AWB", "male", false);
    Add(voices, register_cmu_us_kal16(nullptr), "kal16", "KAL", "male", false);
    Add(voices, register_cmu_us_kal(nullptr), "kal", "KAL (8 kHz)", "male", false);
  } else {
    HOSTLER_OK(AddFolder(voices, context.path));
  }
  return std::make_unique<FliteModel>(std::move(voices));
}

}  // namespace hostler::classic
