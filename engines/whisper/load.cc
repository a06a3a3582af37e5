#include <algorithm>
#include <fstream>

#include "base/text.h"
#include "engines/whisper/library.h"
#include "engines/whisper/model.h"
#include "engines/whisper/weights.h"
#include "engines/whisper/whisper.h"

namespace hostler::whisper {
namespace {

namespace fs = std::filesystem;
using engine_sdk::LoadContext;

Result<Options> OptionsOf(const LoadContext& context) {
  Options options;
  json::DecodeOptions decode;
  if (auto done = json::Decode(context.options, options, decode); !done) {
    Error error = std::move(done).error();
    error.field = error.field.empty() ? "options" : "options." + error.field;
    return Fail(std::move(error));
  }
  const auto check = [](std::optional<int> value, std::string_view name) -> Result<> {
    if (!value || (*value >= 1 && *value <= 8)) return {};
    return Fail(Error{Code::kInvalid, fmt::format("{} is {}", name, *value), "Use 1 to 8."}.At(fmt::format("options.{}", name)));
  };
  HOSTLER_OK(check(options.beam_size, "beam_size"));
  HOSTLER_OK(check(options.best_of, "best_of"));
  return options;
}

std::vector<fs::path> BinariesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() == ".bin") files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The file itself, or the one in the folder.
Result<fs::path> WeightsIn(const fs::path& path) {
  std::error_code ec;
  if (!fs::is_directory(path, ec)) return path;
  std::vector<fs::path> files = BinariesIn(path);
  std::erase_if(files, [](const fs::path& file) { return !LooksLikeWhisper(file); });
  if (files.size() == 1) return files.front();
  if (files.empty()) {
    return Fail(Code::kInvalid, fmt::format("there is no whisper model in {}", path.filename().string()),
                "It needs a file ggml-*.bin, as whisper.cpp has them.");
  }
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  return Fail(Code::kInvalid, fmt::format("there are several models in {}: {}", path.filename().string(), Join(names, ", ")),
              "Name the file: it is the path of the model.");
}

// whisper.cpp reads through this: it tells how far it is, and that the file became shorter in the meantime.
class Reader {
 public:
  Reader(const fs::path& file, std::uint64_t size, const LoadContext& context)
      : stream_(file, std::ios::binary), size_(size), context_(context) {}

  [[nodiscard]] whisper_model_loader loader() {
    return {this, [](void* self, void* into, std::size_t bytes) { return static_cast<Reader*>(self)->Read(into, bytes); },
            [](void* self) { return static_cast<Reader*>(self)->stream_.eof(); }, [](void*) {}};
  }

 private:
  std::size_t Read(void* into, std::size_t bytes) {
    stream_.read(static_cast<char*>(into), static_cast<std::streamsize>(bytes));
    done_ += bytes;
    const auto hundredths = static_cast<int>(done_ * 100 / size_);
    if (hundredths > told_ && hundredths < 100) {
      told_ = hundredths;
      context_.progress("reading weights", static_cast<double>(hundredths) / 100);
    }
    return bytes;
  }

  std::ifstream stream_;
  const std::uint64_t size_;
  const LoadContext& context_;
  std::uint64_t done_ = 0;
  int told_ = -1;
};

Result<ContextPtr> LoadWeights(const fs::path& file, const Weights& weights, const LoadContext& context) {
  Reader reader(file, weights.bytes, context);
  whisper_model_loader loader = reader.loader();
  whisper_context_params params = whisper_context_default_params();
  params.use_gpu = false;
  (void)TakeComplaint();
  ContextPtr loaded(whisper_init_with_params_no_state(&loader, params));
  if (loaded) return loaded;
  const std::string complaint = TakeComplaint();
  return Fail(Code::kInvalid, fmt::format("{} is no model that whisper.cpp can use: {}", file.filename().string(), complaint),
              "Download it again, or get it from another place.");
}

Result<VoiceActivityPtr> LoadVoiceActivity(const fs::path& file, int threads) {
  HOSTLER_OK(InspectVoiceActivity(file));
  whisper_vad_context_params params = whisper_vad_default_context_params();
  params.n_threads = threads;
  params.use_gpu = false;
  (void)TakeComplaint();
  VoiceActivityPtr loaded(whisper_vad_init_from_file_with_params(file.c_str(), params));
  if (loaded) return loaded;
  return Fail(Code::kInvalid, fmt::format("{} is no voice activity model: {}", file.filename().string(), TakeComplaint()),
              "Get whisper.cpp's ggml-silero-*.bin.");
}

// As the options say, else what lies beside the weights. One that was only found does no harm if it is broken.
Result<VoiceActivityPtr> FindVoiceActivity(const Options& options, const fs::path& weights, const LoadContext& context) {
  if (options.vad_model) {
    auto loaded = LoadVoiceActivity(weights.parent_path() / *options.vad_model, context.threads);
    if (!loaded) return Fail(std::move(loaded.error()).At("options.vad_model"));
    return loaded;
  }
  for (const fs::path& file : BinariesIn(weights.parent_path())) {
    if (!Lower(file.filename().string()).contains("silero")) continue;
    auto loaded = LoadVoiceActivity(file, context.threads);
    if (loaded) return loaded;
    context.log->Warning("{}: left out", loaded.error().Text());
  }
  return VoiceActivityPtr();
}

class WhisperEngine final : public engine_sdk::Engine {
 public:
  [[nodiscard]] std::string name() const override { return "whisper"; }
  [[nodiscard]] std::vector<std::string> features() const override {
    return {"transcribe", "transcribe.stream", "load.progress"};
  }

  [[nodiscard]] bool Recognises(const fs::path& path) const override {
    std::error_code ec;
    return fs::is_directory(path, ec) ? WeightsIn(path).has_value() : LooksLikeWhisper(path);
  }

  [[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> Load(const LoadContext& context) override {
    HOSTLER_OK(OpenLibrary(*context.log));
    HOSTLER_TRY(const Options options, OptionsOf(context));
    context.progress("looking through the file", std::nullopt);
    HOSTLER_TRY(const fs::path file, WeightsIn(context.path));
    HOSTLER_TRY(const Weights weights, InspectWhisper(file));
    HOSTLER_TRY(VoiceActivityPtr voice_activity, FindVoiceActivity(options, file, context));
    HOSTLER_TRY(ContextPtr loaded, LoadWeights(file, weights, context));
    context.progress("getting memory to work in", std::nullopt);
    const Settings defaults;
    return WhisperModel::Create(
        std::move(loaded), std::move(voice_activity),
        {context.threads, options.beam_size.value_or(defaults.beam_size), options.best_of.value_or(defaults.best_of)},
        *context.log);
  }
};

}  // namespace

std::unique_ptr<engine_sdk::Engine> MakeWhisperEngine() {
  return std::make_unique<WhisperEngine>();
}

}  // namespace hostler::whisper
