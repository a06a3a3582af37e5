// Speech models, under the names that voice programs know. Their files come from conversions that the engines here can read:
// ggml for whisper, ONNX as sherpa-onnx wants it for kokoro, piper and pocket-tts, GGUF for Qwen3-TTS and pocket-tts.
#include "catalog/data/tables.h"

namespace hostler::catalog::data {
namespace {

constexpr std::string_view kWhisperCpp = "ggerganov/whisper.cpp";  // one repository, a file for each size

struct Whisper {
  std::string_view id;
  std::string_view repository;
  std::string_view file;
  std::uint64_t size_mb;
  int memory_mb;  // as whisper.cpp tells it; 0: it does not
  std::string_view description;
};

// clang-format off
constexpr Whisper kWhispers[] = {
    {"Systran/faster-whisper-tiny", kWhisperCpp, "ggml-tiny.bin", 75, 273, "Fastest; about a hundred languages, many mistakes"},
    {"Systran/faster-whisper-tiny.en", kWhisperCpp, "ggml-tiny.en.bin", 75, 273, "Fastest; English only"},
    {"Systran/faster-whisper-base", kWhisperCpp, "ggml-base.bin", 142, 388, "About a hundred languages; a good balance on a CPU"},
    {"Systran/faster-whisper-base.en", kWhisperCpp, "ggml-base.en.bin", 142, 388, "English only; a good balance on a CPU"},
    {"Systran/faster-whisper-small", kWhisperCpp, "ggml-small.bin",
     466, 852, "About a hundred languages; fewer mistakes, slower"},
    {"Systran/faster-whisper-small.en", kWhisperCpp, "ggml-small.en.bin", 466, 852, "English only; fewer mistakes, slower"},
    {"Systran/faster-whisper-medium", kWhisperCpp, "ggml-medium.bin",
     1463, 2100, "About a hundred languages; few mistakes, wants a fast machine"},
    {"Systran/faster-whisper-medium.en", kWhisperCpp, "ggml-medium.en.bin",
     1463, 2100, "English only; few mistakes, wants a fast machine"},
    {"Systran/faster-whisper-large-v2", kWhisperCpp, "ggml-large-v2.bin",
     2951, 3900, "The large model before the last; wants a GPU"},
    {"Systran/faster-whisper-large-v3", kWhisperCpp, "ggml-large-v3.bin", 2952, 3900, "The most exact; wants a GPU"},
    {"deepdml/faster-whisper-large-v3-turbo-ct2", kWhisperCpp, "ggml-large-v3-turbo.bin", 1549, 0,
     "Nearly as exact as the large one and several times as fast; the default"},
    {"Systran/faster-distil-whisper-small.en", "distil-whisper/distil-small.en", "ggml-distil-small.en.bin", 320, 0,
     "English only; small, distilled: faster with few more mistakes"},
    {"Systran/faster-distil-whisper-medium.en", "distil-whisper/distil-medium.en", "ggml-medium-32-2.en.bin", 757, 0,
     "English only; middle size, distilled"},
    {"Systran/faster-distil-whisper-large-v3", "distil-whisper/distil-large-v3-ggml", "ggml-distil-large-v3.bin", 1449, 0,
     "English only; large, distilled"},
};

// A piper voice NAME is csukuangfj/vits-piper-NAME on the hub, with NAME.onnx, tokens.txt and espeak-ng-data/.
struct Piper {
  std::string_view name;
  std::string_view description;
};
constexpr Piper kPipers[] = {
    {"en_US-amy-low", "American English, a woman; quick"},
    {"en_US-amy-medium", "American English, a woman"},
    {"en_US-arctic-medium", "American English, 18 speakers"},
    {"en_US-bryce-medium", "American English, a man"},
    {"en_US-danny-low", "American English, a man; quick"},
    {"en_US-hfc_female-medium", "American English, a woman"},
    {"en_US-hfc_male-medium", "American English, a man"},
    {"en_US-joe-medium", "American English, a man"},
    {"en_US-john-medium", "American English, a man"},
    {"en_US-kathleen-low", "American English, a woman; quick"},
    {"en_US-kusal-medium", "American English, a man"},
    {"en_US-lessac-high", "American English, a woman; the clearest"},
    {"en_US-lessac-low", "American English, a woman; quick"},
    {"en_US-lessac-medium", "American English, a woman; a good first choice"},
    {"en_US-libritts_r-medium", "American English, 904 speakers"},
    {"en_US-ljspeech-high", "American English, a woman who reads aloud; the clearest"},
    {"en_US-ljspeech-medium", "American English, a woman who reads aloud"},
    {"en_US-norman-medium", "American English, a man"},
    {"en_US-ryan-high", "American English, a man; the clearest"},
    {"en_US-ryan-low", "American English, a man; quick"},
    {"en_US-ryan-medium", "American English, a man"},
    {"en_GB-alan-low", "British English, a man; quick"},
    {"en_GB-alan-medium", "British English, a man"},
    {"en_GB-alba-medium", "Scottish English, a woman"},
    {"en_GB-cori-high", "British English, a woman; the clearest"},
    {"en_GB-cori-medium", "British English, a woman"},
    {"en_GB-jenny_dioco-medium", "British English, a woman"},
    {"en_GB-northern_english_male-medium", "Northern English, a man"},
    {"en_GB-semaine-medium", "British English, four speakers"},
    {"en_GB-southern_english_female-low", "Southern English, a woman; quick"},
};

// Qwen3-TTS needs two files: the language model, and an mmproj that turns its codes into sound. Where no repository is known to
// hold both in the form that the engine reads, the entry is managed only, with the authors' weights. (The GGUF files of CustomVoice
// and VoiceDesign that exist are for other programs.)
struct Qwen {
  std::string_view id;
  std::string_view repository;
  std::string_view files;      // pattern; empty: all of it, managed only
  std::string_view main_file;
  std::uint64_t size_mb;
  std::string_view description;
};
constexpr Qwen kQwens[] = {
    {"qwen3-tts/1.7B-Base", "ggml-org/Qwen3-TTS-12Hz-1.7B-Base-GGUF", "*Q8_0.gguf", "Qwen3-TTS-12Hz-1.7B-Base-Q8_0.gguf", 2188,
     "Ten languages; speaks with the voice of a recording"},
    {"qwen3-tts/0.6B-Base", "mradermacher/Qwen3-TTS-12Hz-0.6B-Base-GGUF", "*Q8_0.gguf", "Qwen3-TTS-12Hz-0.6B-Base.Q8_0.gguf",
     1047,
     "Ten languages; speaks with the voice of a recording; smaller and faster"},
    {"qwen3-tts/1.7B-CustomVoice", "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice", "", "", 0,
     "Nine voices that take instructions on style"},
    {"qwen3-tts/0.6B-CustomVoice", "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice", "", "", 0,
     "Nine voices; smaller and faster"},
    {"qwen3-tts/1.7B-VoiceDesign", "Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign", "", "", 0,
     "Makes a voice from a description"},
    {"qwen3-tts/Tokenizer-12Hz", "Qwen/Qwen3-TTS-Tokenizer-12Hz", "", "", 0,
     "The codec of the Qwen3-TTS family; speaks nothing by itself"},
};
// clang-format on

Entry Speech(std::string_view id, model::ModelType type, std::string_view provider, std::string_view engine,
             std::string_view description) {
  Entry entry;
  entry.id = id;
  entry.type = type;
  entry.name = LastSegment(id);
  entry.provider = provider;
  entry.engine = engine;
  entry.description = description;
  return entry;
}

Entry MakeWhisper(const Whisper& row) {
  Entry entry = Speech(row.id, model::ModelType::kStt, "faster-whisper", kWhisperEngine, row.description);
  entry.repository = row.repository;
  entry.files.include = {std::string(row.file)};
  entry.main_file = row.file;
  entry.size_mb = row.size_mb;
  if (row.memory_mb > 0) entry.memory_mb["float16"] = row.memory_mb;
  entry.licence = "mit";
  entry.is_default = row.id == "deepdml/faster-whisper-large-v3-turbo-ct2";
  return entry;
}

Entry MakeKokoro() {
  Entry entry = Speech("kokoro", model::ModelType::kTts, "kokoro", kSherpaEngine,
                       "53 natural voices at once on a CPU; this conversion speaks English and Chinese; the default");
  entry.repository = "csukuangfj/kokoro-multi-lang-v1_0";
  entry.size_mb = 370;
  entry.licence = "apache-2.0";
  entry.is_default = true;
  entry.voice_aliases = {{"alloy", "af_heart"},  {"echo", "am_adam"}, {"fable", "bf_emma"},
                         {"onyx", "am_michael"}, {"nova", "af_nova"}, {"shimmer", "af_bella"}};
  return entry;
}

Entry MakePocket() {
  Entry entry = Speech("pocket-tts", model::ModelType::kTts, "pocket-tts", kSherpaEngine,
                       "Small and quick on a CPU; English; speaks with the voice of a recording");
  entry.repository = "csukuangfj/sherpa-onnx-pocket-tts-int8-2026-01-26";
  entry.size_mb = 160;
  entry.licence = "cc-by-4.0";
  return entry;
}

// The same model for llama.cpp: the language model, and the mmproj that makes sound.
Entry MakePocketGguf() {
  Entry entry = Speech("EryriLabs/pocket-tts-GGUF", model::ModelType::kTts, "pocket-tts", kLlamaEngine,
                       "Pocket TTS as GGUF; English; speaks with the voice of a recording, which it needs");
  entry.files.include = {"pocket-tts-en.gguf", "mmproj-pocket-tts-en.gguf"};
  entry.main_file = "pocket-tts-en.gguf";
  entry.size_mb = 209;
  entry.licence = "cc-by-4.0";
  return entry;
}

Entry MakePiper(const Piper& row) {
  const std::string name(row.name);
  Entry entry = Speech("piper/" + name, model::ModelType::kTts, "piper", kSherpaEngine, row.description);
  entry.repository = "csukuangfj/vits-piper-" + name;
  entry.files.include = {name + ".onnx", name + ".onnx.json", "tokens.txt", "espeak-ng-data/", "MODEL_CARD"};
  entry.main_file = name + ".onnx";
  entry.size_mb = name.ends_with("-high") ? 127 : 78;
  return entry;  // each voice has a licence of its own, in its MODEL_CARD
}

Entry MakeQwen(const Qwen& row) {
  const bool served = !row.files.empty();
  Entry entry = Speech(row.id, model::ModelType::kTts, "qwen3", served ? kLlamaEngine : "", row.description);
  entry.repository = row.repository;
  if (served) entry.files.include = {std::string(row.files)};
  entry.main_file = row.main_file;
  entry.size_mb = row.size_mb;
  entry.licence = "apache-2.0";
  if (row.id.ends_with("CustomVoice")) {
    entry.voice_aliases = {{"alloy", "Ryan"}, {"fable", "Ryan"},  {"onyx", "Ryan"},
                           {"echo", "Aiden"}, {"nova", "Vivian"}, {"shimmer", "Serena"}};
  }
  return entry;
}

}  // namespace

std::vector<Entry> VoiceModels() {
  std::vector<Entry> entries;
  for (const Whisper& row : kWhispers) entries.push_back(MakeWhisper(row));
  entries.push_back(MakeKokoro());
  entries.push_back(MakePocket());
  entries.push_back(MakePocketGguf());
  for (const Piper& row : kPipers) entries.push_back(MakePiper(row));
  for (const Qwen& row : kQwens) entries.push_back(MakeQwen(row));
  return entries;
}

}  // namespace hostler::catalog::data
