#include "engines/sherpa/tts.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::sherpa {
namespace {

namespace fs = std::filesystem;

bool HasSteps(Family family) {
  return Clones(family) || family == Family::kSupertonic;
}

// `voices`: another file of voices than the model's own, or empty. The strings are the plan's.
abi::TtsConfig Config(const Plan& plan, const std::string& voices, int threads) {
  abi::TtsConfig config;
  config.model.num_threads = threads;
  config.rule_fsts = plan.File("rules");
  config.rule_fars = plan.File("rule_archives");
  const char* const own = voices.empty() ? plan.File("voices") : voices.c_str();
  const auto file = [&](std::string_view what_for) { return plan.File(what_for); };
  switch (plan.family) {
    case Family::kPocket:
      config.model.pocket = {.lm_flow = file("lm_flow"),
                             .lm_main = file("lm_main"),
                             .encoder = file("encoder"),
                             .decoder = file("decoder"),
                             .text_conditioner = file("text_conditioner"),
                             .vocab_json = file("vocabulary"),
                             .token_scores_json = file("scores")};
      break;
    case Family::kSupertonic:
      config.model.supertonic = {file("duration_predictor"),
                                 file("text_encoder"),
                                 file("vector_estimator"),
                                 file("vocoder"),
                                 file("settings"),
                                 file("indexer"),
                                 own};
      break;
    case Family::kZipvoice:
      config.model.zipvoice = {.tokens = file("tokens"),
                               .encoder = file("encoder"),
                               .decoder = file("decoder"),
                               .vocoder = file("vocoder"),
                               .data_dir = file("espeak"),
                               .lexicon = file("lexicon")};
      break;
    case Family::kMatcha:
      config.model.matcha = {.acoustic_model = file("acoustic"),
                             .vocoder = file("vocoder"),
                             .lexicon = file("lexicon"),
                             .tokens = file("tokens"),
                             .data_dir = file("espeak"),
                             .dict_dir = file("dict")};
      break;
    case Family::kKitten:
      config.model.kitten = {.model = file("model"), .voices = own, .tokens = file("tokens"), .data_dir = file("espeak")};
      break;
    case Family::kKokoro:
      config.model.kokoro = {.model = file("model"),
                             .voices = own,
                             .tokens = file("tokens"),
                             .data_dir = file("espeak"),
                             .dict_dir = file("dict"),
                             .lexicon = file("lexicon")};
      // Several languages and no lexicon: all is left to espeak-ng.
      if (*file("lexicon") == '\0') config.model.kokoro.lang = "en-us";
      break;
    default:
      config.model.vits = {.model = file("model"), .tokens = file("tokens"), .data_dir = file("espeak")};
      if (*file("espeak") == '\0') config.model.vits.lexicon = file("lexicon"), config.model.vits.dict_dir = file("dict");
  }
  return config;
}

Result<> CheckOptions(const Plan& plan, const SpeakingOptions& options) {
  const auto refuse = [&](std::string field, Code code, std::string message, std::string remedy) {
    return Fail(Error{code, std::move(message), std::move(remedy)}.At("options." + field));
  };
  if (options.steps && !HasSteps(plan.family))
    return refuse("steps", Code::kUnsupported, fmt::format("a {} model makes no steps", plan.name), "Leave it out.");
  if (options.seed && !HasSteps(plan.family))
    return refuse("seed", Code::kUnsupported, fmt::format("a {} model takes no seed", plan.name), "Leave it out.");
  if (options.steps && (*options.steps < 1 || *options.steps > 100))
    return refuse("steps", Code::kInvalid, fmt::format("{} is out of range", *options.steps), "Use 1 to 100.");
  return {};
}

// voices.bin is float[speakers][…], and the library ends the process if it is not.
Result<> CheckVoices(const Plan& plan) {
  if (!Mixes(plan.family)) return {};
  const int speakers = Number(plan.metadata, "n_speakers").value_or(0);
  std::uint64_t floats = static_cast<std::uint64_t>(std::max(speakers, 0));
  for (const std::string_view part : Split(Text(plan.metadata, "style_dim"), ',')) {
    const auto number = Number({{"n", std::string(Trim(part))}}, "n").value_or(0);
    floats *= static_cast<std::uint64_t>(std::clamp(number, 0, 100'000));
    if (floats > (std::uint64_t{1} << 30)) break;
  }
  std::error_code ec;
  const auto size = fs::file_size(plan.File("voices"), ec);
  if (speakers < 1 || floats == 0)
    return Fail(Code::kInvalid,
                fmt::format("{} does not say how many voices it has and of what size (n_speakers, style_dim)",
                            fs::path(plan.File("model")).filename().string()),
                "Use a conversion for sherpa-onnx.");
  if (size == floats * sizeof(float)) return {};
  return Fail(Code::kInvalid,
              fmt::format("voices.bin has {} bytes, and {} voices need {}", size, speakers, floats * sizeof(float)),
              "Download it again: it belongs to the model.");
}

}  // namespace

bool Clones(Family family) {
  return family == Family::kPocket || family == Family::kZipvoice;
}
bool Mixes(Family family) {
  return family == Family::kKokoro || family == Family::kKitten;
}

Result<> CheckSpeaking(const Plan& plan, const SpeakingOptions& options) {
  HOSTLER_OK(CheckOptions(plan, options));
  return CheckVoices(plan);
}

Result<Tts> LoadTts(const Plan& plan, const std::string& voices, int threads) {
  const abi::TtsConfig config = Config(plan, voices, threads);
  Tts tts;
  HOSTLER_OK(Guarded(fmt::format("load this {} model", plan.name), [&] {
    tts.reset(abi::SherpaOnnxCreateOfflineTts(&config));
    return tts != nullptr;
  }));
  return tts;
}

}  // namespace hostler::sherpa
