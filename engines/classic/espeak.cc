#include <espeak-ng/speak_lib.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>

#include "base/text.h"
#include "engines/classic/providers.h"

namespace hostler::classic {
namespace {

using engine_sdk::AudioSink;

constexpr int kBufferMs = 60;        // of audio per callback: small, so that the first sound goes out at once
constexpr double kNormalRate = 175;  // words per minute
constexpr const char* kDefaultVoice = "en-us";

// The library keeps its state in globals: one user at a time in the whole process. It is opened once and never closed:
// espeak_Terminate() after a second espeak_Initialize() can wait for ever on a thread of its own, for 2 MB.
std::mutex library;
int sample_rate = 0;

struct EspeakVoice {
  wire::Voice voice;
  std::string identifier;              // how the library finds it: "gmw/en-US"
  std::vector<std::string> languages;  // "en-us", "en"
};

// `languages` of the library: a priority byte before each zero-terminated name, and a zero at the end.
std::vector<std::string> LanguagesOf(const char* list) {
  std::vector<std::string> languages;
  while (list != nullptr && *list != 0) {
    languages.emplace_back(list + 1);
    list += languages.back().size() + 2;
  }
  return languages;
}

// REQUIRES: the library's mutex.
std::vector<EspeakVoice> ListVoices() {
  std::vector<EspeakVoice> voices;
  std::set<std::string> ids;
  for (const espeak_VOICE** at = espeak_ListVoices(nullptr); at != nullptr && *at != nullptr; ++at) {
    const espeak_VOICE& voice = **at;
    const std::string identifier = voice.identifier;
    if (identifier.starts_with("mb/") || identifier.starts_with("!v"))
      continue;  // need files that are not there; variants of voices
    EspeakVoice entry;
    entry.identifier = identifier;
    entry.languages = LanguagesOf(voice.languages);
    entry.voice.id = Lower(identifier.substr(identifier.rfind('/') + 1));
    entry.voice.name = voice.name;
    entry.voice.language = entry.languages.empty() ? entry.voice.id : Lower(entry.languages.front());
    entry.voice.gender = voice.gender == 1 ? "male" : voice.gender == 2 ? "female" : "unknown";
    if (ids.insert(entry.voice.id).second) voices.push_back(std::move(entry));
  }
  return voices;
}

struct Listener {
  AudioSink& sink;
  bool begun = false;
  bool gone = false;
};

// One synthesis at a time, so one listener.
Listener* listener = nullptr;

int OnSamples(short* samples, int count, espeak_EVENT*) {
  if (samples == nullptr || count <= 0 || listener == nullptr) return 0;
  Listener& to = *listener;
  if (!to.gone && !to.begun) to.gone = !to.sink.Begin(sample_rate, 1);
  to.begun = true;
  if (!to.gone) to.gone = !to.sink.Write({samples, static_cast<std::size_t>(count)});
  return to.gone ? 1 : 0;
}

class EspeakModel : public engine_sdk::Model {
 public:
  explicit EspeakModel(std::vector<EspeakVoice> voices) : voices_(std::move(voices)) {}

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] std::vector<wire::Voice> voices() const override;
  [[nodiscard]] Result<> Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) override;

 private:
  [[nodiscard]] Result<std::string> VoiceName(const wire::ControlRequest& request) const;
  [[nodiscard]] Result<std::string> VoiceOfLanguage(const std::string& language) const;

  const std::vector<EspeakVoice> voices_;
};

wire::Capabilities EspeakModel::capabilities() const {
  wire::Capabilities can;
  can.streaming = true;
  can.speed_control = true;
  can.sample_rate = sample_rate;
  can.default_voice = kDefaultVoice;
  std::set<std::string> languages;
  for (const EspeakVoice& voice : voices_) languages.insert(voice.voice.language);
  can.languages.assign(languages.begin(), languages.end());
  return can;
}

std::vector<wire::Voice> EspeakModel::voices() const {
  std::vector<wire::Voice> voices;
  for (const EspeakVoice& voice : voices_) voices.push_back(voice.voice);
  return voices;
}

Result<std::string> EspeakModel::VoiceOfLanguage(const std::string& language) const {
  const std::string wanted = Lower(language);
  for (const bool exact : {true, false}) {
    for (const EspeakVoice& voice : voices_) {
      for (const std::string& spoken : voice.languages) {
        if (exact ? Lower(spoken) == wanted : Lower(spoken).starts_with(wanted + "-")) return voice.identifier;
      }
    }
  }
  std::vector<std::string> known = capabilities().languages;
  const std::string near = Nearest(wanted, known);
  return Fail(
      Error{Code::kNotFound, fmt::format("no voice speaks \"{}\"", language),
            near.empty() ? std::string("GET /capabilities lists the languages.") : fmt::format("Did you mean \"{}\"?", near)}
          .At("language"));
}

// "en-us", or with a variant of its timbre: "en-us+f3".
Result<std::string> EspeakModel::VoiceName(const wire::ControlRequest& request) const {
  if (!request.voice && request.language) return VoiceOfLanguage(*request.language);
  const std::string wanted = request.voice.value_or(kDefaultVoice);
  const std::string id = Lower(wanted.substr(0, wanted.find('+')));
  const std::string variant = wanted.size() > id.size() ? wanted.substr(id.size()) : "";
  std::vector<std::string> ids;
  for (const EspeakVoice& voice : voices_) {
    if (voice.voice.id == id || Lower(voice.voice.name) == id) return voice.identifier + variant;
    ids.push_back(voice.voice.id);
  }
  const std::string near = Nearest(id, ids);
  return Fail(Error{Code::kNotFound, fmt::format("unknown voice \"{}\"", wanted),
                    near.empty() ? std::string("GET /voices lists them.") : fmt::format("Did you mean \"{}\"?", near)}
                  .At("voice"));
}

Result<> EspeakModel::Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) {
  HOSTLER_TRY(const std::string voice, VoiceName(request));
  const std::lock_guard lock(library);
  if (stop.stop_requested()) return {};
  if (espeak_SetVoiceByName(voice.c_str()) != EE_OK) {
    return Fail(
        Error{Code::kNotFound, fmt::format("voice \"{}\" cannot be opened", voice), "Leave out the part after +."}.At("voice"));
  }
  const double rate = kNormalRate * request.speed.value_or(1);
  espeak_SetParameter(espeakRATE, static_cast<int>(std::lround(std::clamp<double>(rate, espeakRATE_MINIMUM, espeakRATE_MAXIMUM))),
                      0);
  espeak_SetParameter(espeakPITCH, static_cast<int>(std::lround(50 + 50 * request.pitch.value_or(0))), 0);
  espeak_SetParameter(espeakVOLUME, static_cast<int>(std::lround(100 * request.volume.value_or(1))), 0);
  Listener here{sink};
  listener = &here;
  const espeak_ERROR error =
      espeak_Synth(request.text.c_str(), request.text.size() + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, nullptr, nullptr);
  listener = nullptr;
  if (error != EE_OK) return Fail(Code::kInternal, fmt::format("espeak-ng failed with error {}", static_cast<int>(error)));
  // A text without a pronounceable character is silence, and silence is an answer too.
  if (!here.begun && !sink.Begin(sample_rate, 1)) return {};
  if (!here.begun && !here.gone) (void)sink.Write(std::vector<std::int16_t>(static_cast<std::size_t>(sample_rate) / 20));
  return {};
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> LoadEspeak(const engine_sdk::LoadContext& context) {
  HOSTLER_OK(ReadOptions<NoOptions>(context));
  const std::lock_guard lock(library);
  if (sample_rate == 0) {
    // Synchronous: the samples come on our thread, and waiting for a slow client waits nowhere else.
    const int rate = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, kBufferMs, nullptr, espeakINITIALIZE_DONT_EXIT);
    if (rate <= 0) return Fail(Code::kInternal, "espeak-ng cannot read its data", "Install the package espeak-ng-data.");
    espeak_SetSynthCallback(&OnSamples);
    sample_rate = rate;
  }
  return std::make_unique<EspeakModel>(ListVoices());
}

}  // namespace hostler::classic
