#include "engines/llama/speech.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/llama/library.h"
#include "engines/llama/llama.h"

namespace hostler::llama {
namespace {

constexpr int kQwenContext = 4096;    // about five minutes of speech
constexpr int kPocketContext = 2048;  // a voice of 30 s, and a piece of text
constexpr int kRowsAtOnce = 64;       // of a prompt; each has logits for the whole vocabulary, which is large

std::unexpected<Error> BadOption(std::string_view name, const std::string& what, const std::string& remedy) {
  return Fail(Error{Code::kInvalid, what, remedy}.At(fmt::format("options.{}", name)));
}

template <class T>
Result<> CheckRange(std::string_view name, const std::optional<T>& value, double least, double most) {
  if (!value || (static_cast<double>(*value) >= least && static_cast<double>(*value) <= most)) return {};
  return BadOption(name, fmt::format("must be from {} to {}, not {}", least, most, *value),
                   "Leave it out for the model's default.");
}

Result<> Check(const SpeechOptions& options) {
  HOSTLER_OK(CheckRange("seed", options.seed, 0, 2'000'000'000));
  HOSTLER_OK(CheckRange("temperature", options.temperature, 0, 2));
  HOSTLER_OK(CheckRange("top_k", options.top_k, 0, 100'000));
  HOSTLER_OK(CheckRange("top_p", options.top_p, 0.01, 1));
  HOSTLER_OK(CheckRange("repetition_penalty", options.repetition_penalty, 0.5, 2));
  HOSTLER_OK(CheckRange("max_seconds", options.max_seconds, 0.5, 3600));
  HOSTLER_OK(CheckRange("context", options.context, 256, 32'768));
  HOSTLER_OK(CheckRange("gpu_layers", options.gpu_layers, 0, 1000));
  if (options.gpu_layers.value_or(0) > 0 && !llama_supports_gpu_offload())
    return BadOption("gpu_layers", "there is no backend for a GPU here", "Leave it out: the processor does the work.");
  constexpr std::string_view kKinds[] = {"base", "custom_voice", "voice_design"};
  if (options.kind && std::ranges::find(kKinds, *options.kind) == std::end(kKinds))
    return BadOption("kind", fmt::format("unknown kind \"{}\"", *options.kind),
                     "It is \"base\", \"custom_voice\" or \"voice_design\".");
  return {};
}

Result<> CheckFamily(const SpeechOptions& options, SpeechFamily family) {
  if (family != SpeechFamily::kPocket) return {};
  const std::pair<std::string_view, bool> given[] = {{"kind", options.kind.has_value()},
                                                     {"temperature", options.temperature.has_value()},
                                                     {"top_k", options.top_k.has_value()},
                                                     {"top_p", options.top_p.has_value()},
                                                     {"repetition_penalty", options.repetition_penalty.has_value()}};
  for (const auto& [name, is_there] : given) {
    if (is_there)
      return BadOption(name, "Pocket TTS has no such option", "Leave it out: its authors tuned it for each language.");
  }
  return {};
}

Result<SpeechOptions> ReadOptions(const engine_sdk::LoadContext& context) {
  SpeechOptions options;
  json::DecodeOptions decode;
  if (auto done = json::Decode(context.options, options, decode); !done) {
    Error error = std::move(done).error();
    error.field = error.field.empty() ? "options" : "options." + error.field;
    return Fail(std::move(error));
  }
  HOSTLER_OK(Check(options));
  return options;
}

std::unexpected<Error> CannotLoad(const std::filesystem::path& file) {
  const std::string reason = LastComplaint();
  return Fail(Code::kInvalid,
              fmt::format("{} cannot be loaded{}{}", file.filename().string(), reason.empty() ? "" : ": ", Clip(reason, 300)),
              "Download the file again, or take another conversion of the model.");
}

// Tells how far the two files are, as one number. libmtmd reads its file once for each network in it, from 0 to 1 each time.
struct Progress {
  const engine_sdk::LoadContext& load;
  double begin = 0;
  double share = 1;
  double told = 0;
  static bool Tell(float fraction, void* self) {
    auto& progress = *static_cast<Progress*>(self);
    progress.told = std::max(progress.told, progress.begin + progress.share * static_cast<double>(fraction));
    progress.load.progress("reading weights", progress.told);
    return true;
  }
};

double ShareOfMain(const SpeechFiles& files) {
  std::error_code ec;
  const auto main = static_cast<double>(std::filesystem::file_size(files.main, ec));
  const auto mmproj = static_cast<double>(std::filesystem::file_size(files.mmproj, ec));
  return main / std::max(main + mmproj, 1.0);
}

Result<Native<llama_context>> MakeContext(const SpeechParts& parts, int threads) {
  llama_context_params params = llama_context_default_params();
  const int wanted = parts.options.context.value_or(parts.files.family == SpeechFamily::kQwen ? kQwenContext : kPocketContext);
  params.n_ctx = static_cast<std::uint32_t>(std::min(wanted, llama_model_n_ctx_train(parts.model.get())));
  params.n_batch = params.n_ubatch = parts.files.family == SpeechFamily::kQwen ? kRowsAtOnce : 512;
  params.n_threads = params.n_threads_batch = threads;
  params.embeddings = true;
  Native<llama_context> context(llama_init_from_model(parts.model.get(), params));
  if (!context) return CannotLoad(parts.files.main);
  return context;
}

Result<SpeechParts> ReadWeights(const engine_sdk::LoadContext& load, SpeechOptions options, SpeechFiles files) {
  SpeechParts parts{std::move(files), std::move(options), load.log, {}, {}, {}};
  const int gpu_layers = parts.options.gpu_layers.value_or(0);
  Progress progress{load, 0, ShareOfMain(parts.files)};
  (void)LastComplaint();  // of earlier work on this thread
  llama_model_params model = llama_model_default_params();
  model.n_gpu_layers = gpu_layers;
  model.progress_callback = &Progress::Tell;
  model.progress_callback_user_data = &progress;
  parts.model.reset(llama_model_load_from_file(parts.files.main.c_str(), model));
  if (!parts.model) return CannotLoad(parts.files.main);
  HOSTLER_TRY(parts.context, MakeContext(parts, load.threads));

  progress.begin = progress.share;
  progress.share = 1 - progress.begin;
  mtmd_context_params mtmd = mtmd_context_params_default();
  mtmd.use_gpu = gpu_layers > 0;
  mtmd.n_threads = load.threads;
  mtmd.print_timings = false;
  mtmd.warmup = false;  // made for pictures; Dice does ours
  mtmd.progress_callback = &Progress::Tell;
  mtmd.progress_callback_user_data = &progress;
  parts.mtmd.reset(mtmd_init_from_file(parts.files.mmproj.c_str(), parts.model.get(), mtmd));
  if (!parts.mtmd) return CannotLoad(parts.files.mmproj);
  const auto kind = parts.files.family == SpeechFamily::kQwen ? MTMD_GEN_AUDIO_TYPE_QWEN3TTS : MTMD_GEN_AUDIO_TYPE_POCKETTTS;
  if (mtmd_gen_audio_get_info(parts.mtmd.get()).type != kind) return CannotLoad(parts.files.mmproj);
  return parts;
}

Result<std::unique_ptr<engine_sdk::Model>> Load(const engine_sdk::LoadContext& load) {
  HOSTLER_TRY(SpeechOptions options, ReadOptions(load));
  HOSTLER_TRY(SpeechFiles files, FindSpeechFiles(load.path, options.mmproj));
  HOSTLER_OK(CheckFamily(options, files.family));
  load.log->Info("Speech: {} with {}", files.main.filename().string(), files.mmproj.filename().string());
  HOSTLER_TRY(SpeechParts parts, ReadWeights(load, std::move(options), std::move(files)));
  load.progress("warming up", std::nullopt);
  return parts.files.family == SpeechFamily::kQwen ? MakeQwenTts(std::move(parts)) : MakePocketTts(std::move(parts));
}

}  // namespace

const Family& Speech() {
  static constexpr Family kFamily{"speech of Qwen3-TTS and Pocket TTS (GGUF with an mmproj)", &IsSpeech, &Load,
                                  "generate.control generate.clone generate.design"};
  return kFamily;
}

}  // namespace hostler::llama
