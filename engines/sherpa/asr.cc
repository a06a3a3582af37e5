#include "engines/sherpa/asr.h"

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::sherpa {

std::vector<std::string> LanguagesOf(const Plan& plan) {
  const auto list = [](std::string_view names) {
    std::vector<std::string> languages;
    for (const std::string_view name : Split(names, ',')) languages.emplace_back(Trim(name));
    return languages;
  };
  switch (plan.family) {
    case Family::kSenseVoice: return list("zh,en,ja,ko,yue");
    case Family::kCanary: return list("en,de,es,fr");
    case Family::kCohere: return list("ar,de,el,en,es,fr,it,ja,ko,nl,pl,pt,vi,zh");
    case Family::kWhisper:
      return Number(plan.metadata, "is_multilingual").value_or(0) == 1 ? list(Text(plan.metadata, "all_language_codes"))
                                                                       : list("en");
    default: return {};
  }
}

bool HasTimes(Family family) {
  switch (family) {
    case Family::kMoonshine:
    case Family::kMoonshineMerged:
    case Family::kFunAsrNano:
    case Family::kQwen3Asr:
    case Family::kWhisper:
    case Family::kCanary:
    case Family::kFireRedAsr:
    case Family::kCohere: return false;
    default: return true;
  }
}

bool Translates(const Plan& plan) {
  return plan.family == Family::kCanary ||
         (plan.family == Family::kWhisper && Number(plan.metadata, "is_multilingual").value_or(0) == 1);
}

abi::AsrConfig AsrConfigOf(const Plan& plan, const Wish& wish, int threads) {
  abi::AsrConfig config;
  abi::AsrModel& model = config.model;
  model.tokens = plan.File("tokens");
  model.num_threads = threads;
  const auto file = [&](std::string_view what_for) { return plan.File(what_for); };
  const char* const language = wish.language.c_str();
  switch (plan.family) {
    case Family::kTransducer:
      model.transducer = {file("encoder"), file("decoder"), file("joiner")};
      model.model_type = "transducer";
      break;
    case Family::kNemoTransducer:
      model.transducer = {file("encoder"), file("decoder"), file("joiner")};
      model.model_type = "nemo_transducer";
      break;
    case Family::kWhisper:
      model.whisper = {.encoder = file("encoder"),
                       .decoder = file("decoder"),
                       .language = language,
                       .task = wish.translate ? "translate" : "transcribe"};
      break;
    case Family::kCanary:
      model.canary = {.encoder = file("encoder"),
                      .decoder = file("decoder"),
                      .src_lang = language,
                      .tgt_lang = wish.translate ? "en" : language};
      break;
    case Family::kFireRedAsr: model.fire_red_asr = {file("encoder"), file("decoder")}; break;
    case Family::kCohere:
      model.cohere_transcribe = {
          .encoder = file("encoder"), .decoder = file("decoder"), .language = wish.language.empty() ? "en" : language};
      break;
    case Family::kMoonshine:
      model.moonshine = {.preprocessor = file("preprocessor"),
                         .encoder = file("encoder"),
                         .uncached_decoder = file("uncached_decoder"),
                         .cached_decoder = file("cached_decoder")};
      break;
    case Family::kMoonshineMerged:
      model.moonshine = {.encoder = file("encoder"), .merged_decoder = file("merged_decoder")};
      break;
    case Family::kFunAsrNano:
      model.funasr_nano = {.encoder_adaptor = file("encoder_adaptor"),
                           .llm = file("llm"),
                           .embedding = file("embedding"),
                           .tokenizer = file("tokenizer"),
                           .language = language};
      break;
    case Family::kQwen3Asr:
      model.qwen3_asr = {.conv_frontend = file("conv_frontend"),
                         .encoder = file("encoder"),
                         .decoder = file("decoder"),
                         .tokenizer = file("tokenizer")};
      break;
    case Family::kSenseVoice:
      model.sense_voice = {.model = file("model"), .language = wish.language.empty() ? "auto" : language};
      break;
    case Family::kParaformer: model.paraformer = {file("model")}; break;
    case Family::kZipformerCtc: model.zipformer_ctc = {file("model")}; break;
    case Family::kWenetCtc: model.wenet_ctc = {file("model")}; break;
    case Family::kTelespeechCtc: model.telespeech_ctc = file("model"); break;
    case Family::kDolphin: model.dolphin = {file("model")}; break;
    case Family::kOmnilingual: model.omnilingual = {file("model")}; break;
    case Family::kMedAsr: model.medasr = {file("model")}; break;
    case Family::kFireRedCtc: model.fire_red_asr_ctc = {file("model")}; break;
    case Family::kTdnn: model.tdnn = {file("model")}; break;
    default: model.nemo_ctc = {file("model")};
  }
  return config;
}

Result<Recognizer> LoadAsr(const Plan& plan, const Wish& wish, int threads) {
  const abi::AsrConfig config = AsrConfigOf(plan, wish, threads);
  Recognizer recognizer;
  HOSTLER_OK(Guarded(fmt::format("load this {} model", plan.name), [&] {
    recognizer.reset(abi::SherpaOnnxCreateOfflineRecognizer(&config));
    return recognizer != nullptr;
  }));
  return recognizer;
}

}  // namespace hostler::sherpa
