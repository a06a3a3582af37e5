#include "catalog/discover.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "catalog/data/tables.h"
#include "catalog/gguf.h"
#include "config/fields.h"

namespace hostler::catalog {
namespace {

using model::ModelType;

constexpr std::size_t kMostHeads = 8;
constexpr std::string_view kDiffusionEngine = "hostler-engine-diffusion";

std::string FileName(std::string_view path) {
  return Lower(data::LastSegment(path));
}

bool IsPart(std::string_view file, bool first) {
  return model::Matches(first ? "*-00001-of-*[0-9].gguf" : "*-*[0-9]-of-*[0-9].gguf", Lower(file));
}

bool IsGguf(std::string_view file) {
  return FileName(file).ends_with(".gguf");
}

// ONNX, or onnxruntime's own format.
bool IsOnnx(std::string_view file) {
  return FileName(file).ends_with(".onnx") || FileName(file).ends_with(".ort");
}

// Hears where somebody speaks; lies beside models that hear.
bool IsDetector(std::string_view file) {
  return FileName(file).starts_with("silero_vad");
}

// A file by itself is its own only one.
Facts WithItself(const Facts& found) {
  Facts facts = found;
  if (!facts.is_folder && facts.files.empty()) facts.files = {data::LastSegment(facts.name)};
  return facts;
}

template <class Test>
std::vector<std::string> Those(const Facts& facts, Test test) {
  std::vector<std::string> found;
  std::copy_if(facts.files.begin(), facts.files.end(), std::back_inserter(found), test);
  std::sort(found.begin(), found.end());
  return found;
}

bool Has(const Facts& facts, std::string_view pattern) {
  return std::any_of(facts.files.begin(), facts.files.end(),
                     [&](const std::string& file) { return model::Matches(pattern, file); });
}

std::string_view Head(const Facts& facts, const std::string& file) {
  const auto found = facts.heads.find(file);
  return found == facts.heads.end() ? std::string_view() : std::string_view(found->second).substr(0, kHeadBytes);
}

// Names come from the disk, and sentences go to terminals.
std::string Sentence(const Facts& facts, std::string_view is, std::string_view why) {
  return fmt::format("\"{}\" {}: {}.", Clip(Printable(facts.name), 200), is, Clip(Printable(why), 400));
}

Guess LeaveOut(const Facts& facts, std::string_view why) {
  return {std::nullopt, Sentence(facts, "is left out", why)};
}

// The beginning of every entry; `file` is the one that the engine is given.
Entry Begin(const Facts& facts, ModelType type, std::string_view provider, std::string_view engine, const std::string& file) {
  Entry entry;
  entry.id = facts.name;
  entry.type = type;
  entry.name = data::LastSegment(facts.name);
  entry.provider = provider;
  entry.engine = engine;
  if (facts.is_folder) entry.main_file = file;
  entry.size_mb = facts.bytes >> 20;
  entry.source = "models";
  entry.curated = false;
  return entry;
}

Guess Found(const Facts& facts, Entry entry, std::string_view why) {
  const std::string what = entry.engine.empty() ? ", which nothing here can run" : "";
  std::string sentence = Sentence(facts, fmt::format("is taken for a model of type {}{}", json::EnumName(entry.type), what), why);
  return {std::move(entry), std::move(sentence)};
}

// ---- GGUF ----

std::optional<int> Positive(std::optional<std::int64_t> number) {
  if (!number || *number < 1 || *number > 1'000'000'000) return std::nullopt;
  return static_cast<int>(*number);
}

Embedding EmbeddingOf(const GgufHeader& header) {
  Embedding embedding;
  embedding.dimension = Positive(header.OfArchitecture("embedding_length"));
  embedding.max_sequence_length = Positive(header.OfArchitecture("context_length"));
  embedding.pooling_method = PoolingOf(header);
  return embedding;
}

// A model with what makes sound of its codes beside it.
std::optional<Guess> SpeechByProjector(const Facts& facts, const std::string& main, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const auto header = ReadGgufHeader(Head(facts, file));
    if (!header || file == main) continue;
    const std::string projector = header->Text("clip.gen.audio.projector_type");
    if (projector.empty()) continue;
    const bool qwen = projector == "qwen3tts_gen";
    const bool pocket = projector == "pockettts_gen";
    return Found(facts,
                 Begin(facts, ModelType::kTts,
                       qwen     ? "qwen3"
                       : pocket ? "pocket-tts"
                                : "llama",
                       qwen || pocket ? data::kLlamaEngine : "", main),
                 fmt::format("{} makes sound of its codes ({})", data::LastSegment(file), Printable(projector)));
  }
  return std::nullopt;
}

Guess ByHeader(const Facts& facts, const std::string& main, const GgufHeader& header) {
  const std::string architecture = header.Text("general.architecture");
  const std::string shown = Clip(Printable(architecture), 50);
  const auto entry = [&](ModelType type, std::string_view provider, std::string_view engine) {
    Entry made = Begin(facts, type, provider, engine, main);
    made.description = Clip(Printable(header.Text("general.name")), 200);
    return made;
  };
  switch (PurposeOf(header)) {
    case GgufPurpose::kUnknown: return LeaveOut(facts, "its header does not say of which architecture it is");
    case GgufPurpose::kProjector: return LeaveOut(facts, "it is a projector, a part of another model");
    case GgufPurpose::kAdapter: return LeaveOut(facts, "it is an adapter (LoRA), a part of another model");
    case GgufPurpose::kImage:
      return Found(facts, entry(ModelType::kImage, "flux_local", kDiffusionEngine), "a picture model, " + shown);
    case GgufPurpose::kReranker:
      return Found(facts, entry(ModelType::kReranker, "llama", data::kLlamaServer),
                   fmt::format("a {} model with a head that scores", shown));
    case GgufPurpose::kEmbedding: {
      Entry made = entry(ModelType::kEmbedding, "llama", data::kLlamaServer);
      made.embedding = EmbeddingOf(header);
      return Found(facts, std::move(made), fmt::format("a {} model that makes one vector of a text", shown));
    }
    case GgufPurpose::kLanguage: break;
  }
  Entry made = entry(ModelType::kLlm, "llama", data::kLlamaServer);
  made.context_window = Positive(header.OfArchitecture("context_length"));
  const bool chats = header.texts.contains("tokenizer.chat_template");
  return Found(facts, std::move(made), fmt::format("a {} model{}", shown, chats ? " with a template for chats" : ""));
}

std::optional<Guess> AsGguf(const Facts& facts) {
  const auto files = Those(facts, IsGguf);
  if (files.empty()) return std::nullopt;
  const std::string main = catalog::MainGguf(facts.files);
  if (main.empty()) return LeaveOut(facts, "it is a part of a model, and the rest is not there");
  if (auto speech = SpeechByProjector(facts, main, files)) return speech;
  const auto header = ReadGgufHeader(Head(facts, main));
  if (!header) return LeaveOut(facts, data::LastSegment(main) + " " + header.error().message);
  return ByHeader(facts, main, *header);
}

// ---- ggml, as whisper.cpp writes it ----

std::optional<Guess> AsWhisper(const Facts& facts) {
  constexpr std::string_view kMagic = "lmgg";
  // n_vocab, n_audio_ctx, n_audio_state, n_audio_head, n_audio_layer, n_text_ctx, n_text_state, n_text_head, n_text_layer,
  // n_mels, ftype
  std::int32_t numbers[11] = {};
  std::string other;
  for (const std::string& file : Those(facts, [](const std::string& name) { return FileName(name).ends_with(".bin"); })) {
    const std::string_view head = Head(facts, file);
    if (!head.starts_with(kMagic) || head.size() < kMagic.size() + sizeof(numbers)) continue;
    std::memcpy(numbers, head.data() + kMagic.size(), sizeof(numbers));
    const auto plausible = [](std::int32_t number) { return number > 0 && number < 1'000'000; };
    const bool whisper =
        std::all_of(std::begin(numbers), std::begin(numbers) + 10, plausible) && (numbers[9] == 80 || numbers[9] == 128);
    if (!whisper) {
      other = file;  // a voice activity model lies beside the weights
      continue;
    }
    constexpr std::int32_t kManyLanguages = 51'865;  // words; English alone has one less
    Entry entry = Begin(facts, ModelType::kStt, "faster-whisper", data::kWhisperEngine, file);
    entry.description = numbers[0] >= kManyLanguages ? "Whisper, many languages" : "Whisper, English only";
    return Found(facts, std::move(entry), "a whisper model in ggml's format");
  }
  if (!other.empty()) return LeaveOut(facts, data::LastSegment(other) + " is a ggml file, but not of a whisper model");
  return std::nullopt;
}

// ---- ONNX, as sherpa-onnx wants it ----

struct OnnxKind {
  std::vector<std::string_view> needs;  // patterns, each of which some file matches
  ModelType type;
  std::string_view provider;
  std::string_view why;
};

// In this order: those with more files of their own come first. The engine looks closer, and knows more families than can be told
// apart by names.
const std::vector<OnnxKind>& OnnxKinds() {
  static const std::vector<OnnxKind> kinds = {
      {{"*lm_main*.onnx", "*lm_flow*.onnx", "*text_conditioner*.onnx"}, ModelType::kTts, "pocket-tts", "the parts of Pocket TTS"},
      {{"*vector_estimator*.onnx", "*unicode_indexer*"}, ModelType::kTts, "sherpa", "the parts of Supertonic"},
      {{"*segmentation*.onnx", "*embedding*.onnx"}, ModelType::kStt, "sherpa", "parts that tell speakers apart"},
      {{"*tokens.txt", "*vocos*.onnx"}, ModelType::kTts, "sherpa", "ONNX with tokens.txt and a vocoder"},
      {{"*tokens.txt", "*hifigan*.onnx"}, ModelType::kTts, "sherpa", "ONNX with tokens.txt and a vocoder"},
      {{"*tokens.txt", "*voices.bin"}, ModelType::kTts, "kokoro", "ONNX with voices.bin and tokens.txt"},
      {{"*tokens.txt", "*.onnx.json"}, ModelType::kTts, "piper", "ONNX with tokens.txt and the description of a piper voice"},
      {{"*tokens.txt", "*espeak-ng-data/*"}, ModelType::kTts, "piper", "ONNX with tokens.txt and espeak-ng-data"},
      {{"*tokens.txt", "*encoder*", "*decoder*"}, ModelType::kStt, "sherpa", "an encoder and a decoder with tokens.txt"},
      {{"*tokens.txt", "*encode*.onnx", "*decode*.onnx"}, ModelType::kStt, "sherpa", "an encoder and a decoder with tokens.txt"},
      {{"*tokens.txt", "*lexicon*.txt"}, ModelType::kTts, "sherpa", "ONNX with tokens.txt and a lexicon"},
      {{"*conv_frontend*.onnx", "*decoder*.onnx"}, ModelType::kStt, "sherpa", "the parts of Qwen3-ASR"},
      {{"*encoder_adaptor*.onnx", "*llm*.onnx"}, ModelType::kStt, "sherpa", "the parts of Fun-ASR-Nano"},
      {{"*tokens.txt"}, ModelType::kStt, "sherpa", "ONNX with tokens.txt and nothing that speech would need"},
  };
  return kinds;
}

std::optional<Guess> AsOnnx(const Facts& facts) {
  const auto files = Those(facts, [](const std::string& file) { return IsOnnx(file) && !IsDetector(file); });
  if (files.empty()) return std::nullopt;
  for (const OnnxKind& kind : OnnxKinds()) {
    if (!std::all_of(kind.needs.begin(), kind.needs.end(), [&](std::string_view pattern) { return Has(facts, pattern); }))
      continue;
    // With several files the engine finds its own in the folder.
    Entry entry = Begin(facts, kind.type, kind.provider, data::kSherpaEngine, files.size() == 1 ? files.front() : "");
    if (kind.type == ModelType::kTts) entry.voice_aliases = data::VoiceAliases(kind.provider);
    return Found(facts, std::move(entry), kind.why);
  }
  if (Has(facts, "*.onnx.json"))
    return LeaveOut(facts, "a piper voice needs tokens.txt beside it, as the conversions for sherpa-onnx have");
  return LeaveOut(facts, "ONNX alone does not say what it is; tokens.txt is missing");
}

// ---- torch ----

std::string ArchitectureOf(std::string_view config) {
  const auto dom = json::ParseDom(config);
  const auto* object = dom ? dom->if_object() : nullptr;
  const auto* list = object == nullptr ? nullptr : object->if_contains("architectures");
  if (list == nullptr || !list->is_array() || list->get_array().empty() || !list->get_array().front().is_string()) return "";
  return std::string(std::string_view(list->get_array().front().get_string()));
}

std::optional<Guess> AsTorch(const Facts& facts) {
  const bool weights = Has(facts, "*.safetensors") || Has(facts, "*pytorch_model*.bin");
  if (!weights || !Has(facts, "config.json")) return std::nullopt;
  const std::string architecture = ArchitectureOf(Head(facts, "config.json"));
  const std::string why = "its config.json says " + Clip(Printable(architecture), 100);
  if (architecture.empty()) return LeaveOut(facts, "its config.json does not say of which architecture it is");
  if (architecture == "BertForMaskedLM")
    return Found(facts, Begin(facts, ModelType::kSplade, "splade", data::kLlamaEngine, ""), why);
  ModelType type = ModelType::kEmbedding;
  if (architecture.ends_with("ForCausalLM")) type = ModelType::kLlm;
  if (architecture.ends_with("ForSequenceClassification")) type = ModelType::kReranker;
  if (architecture.ends_with("ForMaskedLM")) type = ModelType::kSplade;
  if (architecture.starts_with("Whisper")) type = ModelType::kStt;
  Entry entry = Begin(facts, type, data::kManagedOnly, "", "");
  if (type == ModelType::kEmbedding) entry.embedding.emplace();
  return Found(facts, std::move(entry), why);
}

}  // namespace

std::string MainGguf(std::vector<std::string> files) {
  std::erase_if(files, [](const std::string& file) {
    return !IsGguf(file) || IsProjector(file) || (!IsPart(file, true) && IsPart(file, false));
  });
  std::sort(files.begin(), files.end());
  for (const std::string_view wanted : {"*q4_k_m*", "*q8_0*", "*"}) {
    for (const std::string& file : files) {
      if (model::Matches(wanted, FileName(file))) return file;
    }
  }
  return "";
}

bool IsProjector(std::string_view file) {
  return FileName(file).find("mmproj") != std::string::npos;
}

std::vector<std::string> HeadsToRead(const Facts& found) {
  const Facts facts = WithItself(found);
  const auto bins = Those(facts, [](const std::string& file) { return FileName(file).ends_with(".bin"); });
  std::vector<std::string> heads;
  if (std::string main = MainGguf(facts.files); !main.empty()) heads.push_back(std::move(main));
  for (std::string& file : Those(facts, [](const std::string& file) {
         return file == "config.json" || (IsGguf(file) && IsProjector(file)) || FileName(file).starts_with("ggml");
       })) {
    if (std::find(heads.begin(), heads.end(), file) == heads.end()) heads.push_back(std::move(file));
  }
  // A whisper file may have any name; one that stands alone is looked into.
  if (bins.size() == 1 && std::find(heads.begin(), heads.end(), bins.front()) == heads.end()) heads.push_back(bins.front());
  if (heads.size() > kMostHeads) heads.resize(kMostHeads);
  return heads;
}

Guess Discover(const Facts& found) {
  const Facts facts = WithItself(found);
  if (!config::IsModelId(facts.name))
    return LeaveOut(facts, std::string("its name cannot be ") + std::string(config::kModelIdRule));
  if (facts.files.empty()) return LeaveOut(facts, "there is nothing in it");
  for (const auto& as : {AsGguf, AsWhisper, AsOnnx, AsTorch}) {
    if (auto guess = as(facts)) return *std::move(guess);
  }
  return LeaveOut(facts, "no file of it has a format that is known here");
}

}  // namespace hostler::catalog
