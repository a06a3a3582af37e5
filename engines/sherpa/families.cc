#include "engines/sherpa/families.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "model/repo.h"

namespace hostler::sherpa {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 20'000;  // in one folder

enum class Need { kRequired, kOptional, kList };  // kList: all that match, may be none

// A file that a family uses. Patterns are tried in order, and match the whole name in lower case.
struct Role {
  std::string_view what_for;
  std::vector<std::string_view> patterns;
  Need need = Need::kRequired;
};

// The first role is what makes a folder look like this family; its metadata decides where several families look alike.
struct Kind {
  Family family;
  std::string_view name;
  Purpose purpose;
  std::vector<Role> roles;
  std::vector<std::string_view> types;  // beginnings of metadata's model_type; empty: any
};

const Role kTokens{"tokens", {"tokens.txt", "*-tokens.txt", "*_tokens.txt"}};
const Role kRules{"rules", {"*.fst"}, Need::kList};
const Role kRuleArchives{"rule_archives", {"*.far"}, Need::kList};
const Role kLexicon{"lexicon", {"lexicon.txt", "lexicon-us-en.txt", "lexicon-zh.txt", "lexicon-ja.txt"}, Need::kList};
const Role kDict{"dict", {"dict"}, Need::kOptional};

Kind Single(Family family, std::string_view name, std::vector<std::string_view> types, Purpose purpose = Purpose::kHearing) {
  return {family, name, purpose, {{"model", {"model.onnx", "*.onnx"}}, kTokens}, std::move(types)};
}

Kind Pair(Family family, std::string_view name, std::vector<std::string_view> types) {
  return {family,
          name,
          Purpose::kHearing,
          {{"encoder", {"*encoder*.onnx"}}, {"decoder", {"*decoder*.onnx"}}, kTokens},
          std::move(types)};
}

// In this order: the ones with more files of their own come first.
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {Family::kPocket,
       "pocket-tts",
       Purpose::kSpeech,
       {{"lm_main", {"lm_main*.onnx"}},
        {"lm_flow", {"lm_flow*.onnx"}},
        {"encoder", {"encoder*.onnx"}},
        {"decoder", {"decoder*.onnx"}},
        {"text_conditioner", {"text_conditioner*.onnx"}},
        {"vocabulary", {"vocab.json"}},
        {"scores", {"token_scores.json"}}},
       {}},
      {Family::kSupertonic,
       "supertonic",
       Purpose::kSpeech,
       {{"vector_estimator", {"vector_estimator*.onnx"}},
        {"duration_predictor", {"duration_predictor*.onnx"}},
        {"text_encoder", {"text_encoder*.onnx"}},
        {"vocoder", {"vocoder*.onnx"}},
        {"settings", {"tts.json"}},
        {"indexer", {"unicode_indexer.bin"}},
        {"voices", {"voice.bin", "voices.bin"}}},
       {}},
      {Family::kMatcha,
       "matcha",
       Purpose::kSpeech,
       {{"acoustic", {"model-steps-*.onnx", "*acoustic*.onnx"}},
        {"vocoder", {"*vocos*.onnx", "*hifigan*.onnx", "*vocoder*.onnx"}},
        kTokens,
        kLexicon,
        kDict,
        kRules,
        kRuleArchives},
       {"matcha"}},
      {Family::kZipvoice,
       "zipvoice",
       Purpose::kSpeech,
       {{"vocoder", {"*vocos*.onnx"}},
        {"encoder", {"*encoder*.onnx"}},
        {"decoder", {"*decoder*.onnx"}},
        kTokens,
        {"lexicon", {"lexicon.txt"}}},
       {}},
      {Family::kKitten,
       "kitten",
       Purpose::kSpeech,
       {{"voices", {"voices.bin"}}, {"model", {"model*.onnx", "*.onnx"}}, kTokens},
       {"kitten"}},
      {Family::kKokoro,
       "kokoro",
       Purpose::kSpeech,
       {{"voices", {"voices.bin"}}, {"model", {"model*.onnx", "*.onnx"}}, kTokens, kLexicon, kDict, kRules, kRuleArchives},
       {}},
      {Family::kDiarisation,
       "speaker diarisation",
       Purpose::kTurns,
       {{"segmentation", {"*segmentation*.onnx"}},
        {"embedding", {"*embedding*.onnx", "*3dspeaker*.onnx", "*wespeaker*.onnx", "*titanet*.onnx"}}},
       {}},
      {Family::kMoonshine,
       "moonshine",
       Purpose::kHearing,
       {{"preprocessor", {"preprocess*.onnx"}},
        {"encoder", {"encode*.onnx"}},
        {"uncached_decoder", {"uncached_decode*.onnx"}},
        {"cached_decoder", {"cached_decode*.onnx"}},
        kTokens},
       {}},
      {Family::kMoonshineMerged,
       "moonshine",
       Purpose::kHearing,
       {{"merged_decoder", {"decoder_model_merged*.ort", "*decoder*merged*.onnx"}},
        {"encoder", {"encoder_model*.ort", "*encoder*.onnx"}},
        kTokens},
       {}},
      {Family::kFunAsrNano,
       "fun-asr-nano",
       Purpose::kHearing,
       {{"encoder_adaptor", {"encoder_adaptor*.onnx"}},
        {"llm", {"llm*.onnx"}},
        {"embedding", {"embedding*.onnx"}},
        {"tokenizer", {"qwen3*"}}},
       {}},
      {Family::kQwen3Asr,
       "qwen3-asr",
       Purpose::kHearing,
       {{"conv_frontend", {"conv_frontend*.onnx"}},
        {"encoder", {"encoder*.onnx"}},
        {"decoder", {"decoder*.onnx"}},
        {"tokenizer", {"tokenizer"}}},
       {}},
      {Family::kTransducer,
       "transducer",
       Purpose::kHearing,
       {{"joiner", {"*joiner*.onnx"}}, {"encoder", {"*encoder*.onnx"}}, {"decoder", {"*decoder*.onnx"}}, kTokens},
       {}},
      Pair(Family::kWhisper, "whisper", {"whisper"}),
      Pair(Family::kCanary, "canary", {"encdecmultitaskmodel"}),
      Pair(Family::kFireRedAsr, "fire-red-asr", {"fire-red", "fire_red"}),
      Pair(Family::kCohere, "cohere-transcribe", {"cohere"}),
      Single(Family::kVits, "piper or vits", {"vits"}, Purpose::kSpeech),
      Single(Family::kSenseVoice, "sense-voice", {"sense_voice", "sense-voice"}),
      Single(Family::kParaformer, "paraformer", {"paraformer"}),
      Single(Family::kNemoCtc, "NeMo CTC", {"encdecctc", "encdechybridrnntctc"}),
      Single(Family::kZipformerCtc, "zipformer CTC", {"zipformer2_ctc", "zipformer_ctc"}),
      Single(Family::kWenetCtc, "WeNet CTC", {"wenet_ctc"}),
      Single(Family::kTelespeechCtc, "TeleSpeech CTC", {"telespeech_ctc"}),
      Single(Family::kDolphin, "dolphin", {"dolphin"}),
      Single(Family::kOmnilingual, "omnilingual", {"omnilingual"}),
      Single(Family::kMedAsr, "medasr", {"medasr"}),
      Single(Family::kFireRedCtc, "fire-red-asr CTC", {"fire-red", "fire_red"}),
      Single(Family::kTdnn, "tdnn", {"tdnn"}),
  };
  return kinds;
}

// The names in a folder.
class Folder {
 public:
  static Result<Folder> Open(const fs::path& given) {
    Folder folder;
    std::error_code ec;
    const bool file = fs::is_regular_file(given, ec);
    folder.path_ = file ? given.parent_path() : given;
    if (file) folder.main_ = given.filename().string();
    for (fs::directory_iterator it(folder.path_, ec), end; !ec && it != end && folder.names_.size() < kMostFiles;
         it.increment(ec))
      folder.names_.push_back(it->path().filename().string());
    if (ec)
      return Fail(Code::kNotFound, fmt::format("{} cannot be read: {}", folder.path_.string(), ec.message()),
                  "Give the folder of a model.");
    std::sort(folder.names_.begin(), folder.names_.end());
    return folder;
  }

  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] std::string Path(std::string_view name) const { return (path_ / name).string(); }
  [[nodiscard]] bool empty() const { return names_.empty(); }
  [[nodiscard]] bool HasGraphs() const {
    return std::any_of(names_.begin(), names_.end(),
                       [](const std::string& name) { return Lower(name).ends_with(".onnx") || Lower(name).ends_with(".ort"); });
  }

  // What the first pattern with a match picks: the file that was given, else by precision, else the first by name.
  [[nodiscard]] std::string Find(const Role& role, bool int8) const {
    const auto matches = [&](std::string_view pattern) { return model::Matches(pattern, Lower(main_)); };
    if (!main_.empty() && std::any_of(role.patterns.begin(), role.patterns.end(), matches)) return main_;
    for (const std::string_view pattern : role.patterns) {
      std::string best;
      for (const std::string& name : names_) {
        if (!model::Matches(pattern, Lower(name))) continue;
        const bool better = best.empty() || (IsInt8(name) == int8 && IsInt8(best) != int8);
        if (better) best = name;
      }
      if (!best.empty()) return best;
    }
    return "";
  }

  [[nodiscard]] std::string FindAll(const Role& role) const {
    std::vector<std::string> found;
    for (const std::string_view pattern : role.patterns) {
      for (const std::string& name : names_) {
        if (model::Matches(pattern, Lower(name))) found.push_back(Path(name));
      }
    }
    return Join(found, ",");
  }

 private:
  [[nodiscard]] static bool IsInt8(const std::string& name) { return name.find("int8") != std::string::npos; }

  fs::path path_;
  std::string main_;  // the file that was given
  std::vector<std::string> names_;
};

// The roles of `kind` that the folder has no file for.
std::vector<const Role*> Missing(const Folder& folder, const Kind& kind) {
  std::vector<const Role*> missing;
  for (const Role& role : kind.roles) {
    if (role.need == Need::kRequired && folder.Find(role, false).empty()) missing.push_back(&role);
  }
  return missing;
}

bool HasType(const Kind& kind, const Metadata& metadata) {
  if (kind.types.empty()) return true;
  const std::string type = Lower(Text(metadata, "model_type"));
  // Conversions older than model_type: of speech, the number of speakers is there instead.
  if (type.empty()) return kind.family == Family::kVits && Number(metadata, "n_speakers") && Number(metadata, "sample_rate");
  if (kind.family == Family::kMatcha) return type.find("matcha") != std::string::npos;
  return std::any_of(kind.types.begin(), kind.types.end(), [&](std::string_view start) { return type.starts_with(start); });
}

bool IsGraph(const std::string& path) {
  return Lower(path).ends_with(".onnx") || Lower(path).ends_with(".ort");
}

Plan Fill(const Folder& folder, const Kind& kind, bool int8) {
  Plan plan{kind.family, std::string(kind.name), kind.purpose, folder.path(), {}, {}};
  for (const Role& role : kind.roles) {
    if (role.need == Need::kList) {
      plan.files[std::string(role.what_for)] = folder.FindAll(role);
    } else if (const std::string name = folder.Find(role, int8); !name.empty()) {
      plan.files[std::string(role.what_for)] = folder.Path(name);
    }
  }
  return plan;
}

// Of all kinds that look like it, what the first one lacks.
std::unexpected<Error> NothingFits(const Folder& folder) {
  for (const Kind& kind : Kinds()) {
    const auto missing = Missing(folder, kind);
    if (missing.empty() || missing.front() == &kind.roles.front()) continue;
    std::vector<std::string> names;
    for (const Role* role : missing) names.emplace_back(role->patterns.front());
    return Fail(Code::kInvalid,
                fmt::format("this looks like a {} model, but {} {} missing", kind.name, Join(names, ", "),
                            names.size() == 1 ? "is" : "are"),
                "Download the whole repository of the model.");
  }
  if (folder.empty()) return Fail(Code::kInvalid, "there is nothing in the model's folder", "Download the model again.");
  return Fail(Code::kUnsupported,
              folder.HasGraphs() ? "these ONNX files are of no family that sherpa-onnx reads"
                                 : "there is no ONNX file in the model's folder",
              "Use a conversion for sherpa-onnx: docs/sherpa.md lists the families and their files.");
}

// The graph whose metadata says of which kind it is: the first one among its roles.
std::string FirstGraph(const Plan& plan, const Kind& kind) {
  for (const Role& role : kind.roles) {
    const auto found = plan.files.find(role.what_for);
    if (found != plan.files.end() && IsGraph(found->second)) return found->second;
  }
  return "";
}

Result<> CheckFiles(const Plan& plan) {
  for (const auto& [what_for, path] : plan.files) {
    std::error_code ec;
    if (path.empty() || path.find(',') != std::string::npos || fs::is_directory(path, ec)) continue;
    if (IsGraph(path)) {
      HOSTLER_OK(ReadOnnxFile(path));
    } else if (fs::file_size(path, ec) == 0 || ec) {
      return Fail(Code::kInvalid, fmt::format("{} is {}", fs::path(path).filename().string(), ec ? "not there" : "empty"),
                  "Download the model again.");
    }
  }
  return {};
}

bool SpeaksPhonemes(const Plan& plan) {
  if (plan.family == Family::kVits || plan.family == Family::kMatcha)
    return Number(plan.metadata, "has_espeak").value_or(0) == 1 ||
           Text(plan.metadata, "comment").find("piper") != std::string::npos;
  return plan.family == Family::kKokoro || plan.family == Family::kKitten;
}

// The library takes any graph for a vocoder, and fails when it is used.
Result<> CheckVocoder(const Plan& plan) {
  HOSTLER_TRY(const Onnx vocoder, ReadOnnxFile(plan.File("vocoder")));
  const std::string type = Text(vocoder.metadata, "model_type");
  const bool vocos = type == "vocos" || type == "matcha-tts vocos";
  if (vocos || (type == "hifigan" && plan.family == Family::kMatcha)) return {};
  return Fail(Code::kInvalid,
              fmt::format("{} is not a vocoder of a {} model: its model_type is \"{}\"",
                          fs::path(plan.File("vocoder")).filename().string(), plan.name, Clip(Printable(type), 60)),
              "Put the vocoder into the folder that the model's page names: vocos, or for matcha also hifigan.");
}

// What is not found by patterns: which symbols, whose phonemes, which of two relatives.
Result<> Complete(Plan& plan) {
  const bool phonemes = SpeaksPhonemes(plan);
  if (plan.files.contains("tokens"))
    HOSTLER_OK(CheckTokens(plan.File("tokens"), phonemes && Text(plan.metadata, "comment").find("coqui") == std::string::npos));
  if (phonemes || plan.family == Family::kZipvoice) {
    HOSTLER_TRY(plan.files["espeak"], EspeakData(plan.folder));
  }
  if (plan.family == Family::kMatcha || plan.family == Family::kZipvoice) HOSTLER_OK(CheckVocoder(plan));
  if (plan.family == Family::kTransducer && Text(plan.metadata, "model_type").starts_with("EncDec"))
    plan.family = Family::kNemoTransducer;
  return {};
}

}  // namespace

const char* Plan::File(std::string_view what_for) const {
  const auto found = files.find(what_for);
  return found == files.end() ? "" : found->second.c_str();
}

Result<Plan> Identify(const fs::path& given, bool int8) {
  HOSTLER_TRY(const Folder folder, Folder::Open(given));
  std::string unknown;  // model_type of a graph that no kind took
  for (const Kind& kind : Kinds()) {
    if (!Missing(folder, kind).empty()) continue;
    Plan plan = Fill(folder, kind, int8);
    auto first = ReadOnnxFile(FirstGraph(plan, kind));
    if (!first) return Fail(std::move(first).error());
    plan.metadata = std::move(first->metadata);
    if (!HasType(kind, plan.metadata)) {
      unknown = Text(plan.metadata, "model_type");
      continue;
    }
    if (kind.family == Family::kVits) {
      for (const Role& role : {kLexicon, kRules, kRuleArchives}) plan.files[std::string(role.what_for)] = folder.FindAll(role);
      if (const std::string dict = folder.Find(kDict, false); !dict.empty()) plan.files["dict"] = folder.Path(dict);
    }
    HOSTLER_OK(CheckFiles(plan));
    HOSTLER_OK(Complete(plan));
    return plan;
  }
  if (!unknown.empty()) {
    return Fail(Code::kUnsupported,
                fmt::format("its model_type is \"{}\", which this engine does not know", Clip(Printable(unknown), 100)),
                "Use a conversion for sherpa-onnx: docs/sherpa.md lists the families and their files.");
  }
  return NothingFits(folder);
}

bool LooksLikeModel(const fs::path& path) {
  const auto folder = Folder::Open(path);
  return folder && std::any_of(Kinds().begin(), Kinds().end(), [&](const Kind& kind) { return Missing(*folder, kind).empty(); });
}

}  // namespace hostler::sherpa
