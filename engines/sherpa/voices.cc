#include "engines/sherpa/voices.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "os/files.h"

namespace hostler::sherpa {
namespace {

constexpr std::size_t kMostParts = 10;

// Published with the conversions of kokoro v0.19 and v1.0, whose first files do not name their speakers.
constexpr std::string_view kKokoro11 =
    "af,af_bella,af_nicole,af_sarah,af_sky,am_adam,am_michael,bf_emma,bf_isabella,bm_george,bm_lewis";
constexpr std::string_view kKokoro53 =
    "af_alloy,af_aoede,af_bella,af_heart,af_jessica,af_kore,af_nicole,af_nova,af_river,af_sarah,af_sky,am_adam,am_echo,am_eric,"
    "am_fenrir,am_liam,am_michael,am_onyx,am_puck,am_santa,bf_alice,bf_emma,bf_isabella,bf_lily,bm_daniel,bm_fable,bm_george,"
    "bm_lewis,ef_dora,em_alex,ff_siwis,hf_alpha,hf_beta,hm_omega,hm_psi,if_sara,im_nicola,jf_alpha,jf_gongitsune,jf_nezumi,"
    "jf_tebukuro,jm_kumo,pf_dora,pm_alex,pm_santa,zf_xiaobei,zf_xiaoni,zf_xiaoxiao,zf_xiaoyi,zm_yunjian,zm_yunxi,zm_yunxia,"
    "zm_yunyang";

// The first letter of a kokoro voice, BCP 47, and the name of espeak-ng's file: British English is plain "en" there.
struct Tongue {
  char letter;
  std::string_view language;
  std::string_view espeak;
};
constexpr Tongue kTongues[] = {{'a', "en-us", ""}, {'b', "en-gb", "en"},    {'e', "es", "es"},
                               {'f', "fr", "fr"},  {'h', "hi", "hi"},       {'i', "it", "it"},
                               {'j', "ja", "ja"},  {'p', "pt-br", "pt-br"}, {'z', "zh", ""}};

std::vector<std::string> Names(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view name : Split(list, ',')) {
    if (!Trim(name).empty()) names.emplace_back(Trim(name));
  }
  return names;
}

// "af_heart": American English, female, Heart.
wire::Voice KokoroVoice(const std::string& id) {
  wire::Voice voice{id, id, "en-us", "unknown"};
  for (const Tongue& tongue : kTongues) {
    if (id.starts_with(tongue.letter)) voice.language = tongue.language;
  }
  if (id.size() > 1) voice.gender = id[1] == 'f' ? "female" : id[1] == 'm' ? "male" : "unknown";
  if (id.size() > 3 && id[2] == '_') {
    voice.name = id.substr(3);
    if (voice.name[0] >= 'a' && voice.name[0] <= 'z') voice.name[0] = static_cast<char>(voice.name[0] - 'a' + 'A');
  }
  return voice;
}

// What piper writes beside its voices. Only what is of use here, and nothing of it is relied upon.
struct PiperFile {
  std::string dataset;
  std::string language;
  std::vector<std::string> speakers;
};

PiperFile ReadPiperFile(const Plan& plan) {
  PiperFile piper;
  const auto text = os::ReadFile(std::string(plan.File("model")) + ".json", 16 << 20);
  const auto dom = text ? json::ParseDom(*text) : Result<json::Any>(Fail(Code::kNotFound, ""));
  const auto* object = dom ? dom->if_object() : nullptr;
  if (object == nullptr) return piper;
  const auto string_at = [](const boost::json::object& in, std::string_view key) {
    const auto* value = in.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(std::string_view(value->get_string())) : std::string();
  };
  piper.dataset = string_at(*object, "dataset");
  if (const auto* language = object->if_contains("language"); language != nullptr && language->is_object())
    piper.language = string_at(language->get_object(), "code");
  const auto* speakers = object->if_contains("speaker_id_map");
  if (speakers == nullptr || !speakers->is_object()) return piper;
  for (const auto& [name, number] : speakers->get_object()) {
    if (!number.is_int64() || number.get_int64() < 0 || number.get_int64() > 100'000) continue;
    const auto place = static_cast<std::size_t>(number.get_int64());
    if (piper.speakers.size() <= place) piper.speakers.resize(place + 1);
    piper.speakers[place] = std::string(std::string_view(name));
  }
  return piper;
}

std::string Tag(std::string language) {
  std::replace(language.begin(), language.end(), '_', '-');
  return Lower(language);
}

std::vector<wire::Voice> PiperVoices(const Plan& plan, int speakers) {
  const PiperFile piper = ReadPiperFile(plan);
  const std::string language = Tag(piper.language.empty() ? Text(plan.metadata, "voice") : piper.language);
  std::vector<wire::Voice> voices;
  for (int number = 0; number < speakers; ++number) {
    std::string name =
        static_cast<std::size_t>(number) < piper.speakers.size() ? piper.speakers[static_cast<std::size_t>(number)] : "";
    if (name.empty()) name = speakers == 1 && !piper.dataset.empty() ? piper.dataset : std::to_string(number);
    voices.push_back({name, name, language, "unknown"});
  }
  return voices;
}

std::vector<std::string> PublishedNames(const Plan& plan, int speakers) {
  if (plan.family != Family::kKokoro) return {};
  return speakers == 11 ? Names(kKokoro11) : speakers == 53 ? Names(kKokoro53) : std::vector<std::string>();
}

std::unexpected<Error> Unknown(std::string_view id, const std::vector<wire::Voice>& voices) {
  std::vector<std::string> ids;
  for (const wire::Voice& voice : voices) ids.push_back(voice.id);
  const std::string near = Nearest(id, ids);
  return Fail(Error{Code::kNotFound, fmt::format("unknown voice \"{}\"", Clip(Printable(id), 100)),
                    near.empty() ? std::string("GET /voices lists them; the numbers from 0 are names too.")
                                 : fmt::format("Did you mean \"{}\"?", near)}
                  .At("voice"));
}

std::unexpected<Error> Malformed(std::string_view what) {
  return Fail(Error{Code::kInvalid, std::string(what), "Write a mixture as af_heart(2)+am_adam(1)."}.At("voice"));
}

Result<int> Speaker(std::string_view id, const std::vector<wire::Voice>& voices) {
  for (std::size_t i = 0; i < voices.size(); ++i) {
    if (EqualsIgnoringCase(voices[i].id, id)) return static_cast<int>(i);
  }
  int number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error == std::errc() && end == id.data() + id.size() && number >= 0 && static_cast<std::size_t>(number) < voices.size())
    return number;
  return Unknown(id, voices);
}

// "af_heart" or "af_heart(2)".
Result<Part> ParsePart(std::string_view text, const std::vector<wire::Voice>& voices) {
  Part part;
  std::string_view id = text;
  if (const std::size_t open = text.find('('); open != std::string_view::npos) {
    if (!text.ends_with(')')) return Malformed("a weight stands in brackets");
    const std::string_view weight = text.substr(open + 1, text.size() - open - 2);
    const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), part.weight);
    if (weight.empty() || error != std::errc() || end != weight.data() + weight.size() || !std::isfinite(part.weight) ||
        part.weight < 0 || part.weight > 1e6)
      return Malformed(fmt::format("\"{}\" is not a weight", Clip(Printable(weight), 40)));
    id = Trim(text.substr(0, open));
  }
  HOSTLER_TRY(part.speaker, Speaker(id, voices));
  return part;
}

}  // namespace

std::vector<wire::Voice> NameVoices(const Plan& plan, int speakers) {
  speakers = std::max(speakers, 1);
  if (plan.family == Family::kVits) return PiperVoices(plan, speakers);
  std::vector<std::string> names = Names(Text(plan.metadata, "speaker_names"));
  if (names.size() != static_cast<std::size_t>(speakers)) names = PublishedNames(plan, speakers);
  const std::string language = Tag(Text(plan.metadata, "voice"));
  std::vector<wire::Voice> voices;
  for (int number = 0; number < speakers; ++number) {
    const std::string id = names.empty() ? std::to_string(number) : names[static_cast<std::size_t>(number)];
    voices.push_back(plan.family == Family::kKokoro && !names.empty() ? KokoroVoice(id)
                                                                      : wire::Voice{id, id, language, "unknown"});
    if (plan.family == Family::kKitten)
      voices.back().gender = id.ends_with("-f") ? "female" : id.ends_with("-m") ? "male" : "unknown";
  }
  return voices;
}

Result<std::vector<Part>> ParseVoice(std::string_view spec, const std::vector<wire::Voice>& voices) {
  std::vector<Part> parts;
  double sum = 0;
  // A voice may have any name: one that is there is no mixture.
  if (const auto whole = Speaker(Trim(spec), voices)) return std::vector<Part>{{*whole, 1}};
  for (const std::string_view text : Split(spec, '+')) {
    HOSTLER_TRY(const Part part, ParsePart(Trim(text), voices));
    parts.push_back(part);
    sum += part.weight;
  }
  if (parts.size() > kMostParts) return Malformed(fmt::format("a mixture has at most {} voices", kMostParts));
  if (!(sum > 0)) return Malformed("the weights are all 0");
  for (Part& part : parts) part.weight /= sum;
  return parts;
}

std::string KokoroLanguage(std::string_view language) {
  const std::string wanted = Lower(language);
  for (const bool exact : {true, false}) {
    for (const Tongue& tongue : kTongues) {
      if (exact ? tongue.language == wanted : PrimaryLanguage(tongue.language) == PrimaryLanguage(wanted))
        return std::string(tongue.espeak);
    }
  }
  return wanted;
}

std::string PrimaryLanguage(std::string_view language) {
  return Lower(language.substr(0, language.find('-')));
}

}  // namespace hostler::sherpa
