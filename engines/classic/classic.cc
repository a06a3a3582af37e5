#include <algorithm>

#include "base/text.h"
#include "engines/classic/providers.h"

namespace hostler::classic {
namespace {

namespace fs = std::filesystem;
using engine_sdk::LoadContext;
using engine_sdk::Model;

using LoadFunction = Result<std::unique_ptr<Model>> (*)(const LoadContext&);
struct Provider {
  std::string name;
  LoadFunction load;  // null: not built in
};

const std::vector<Provider>& Providers() {
  static const std::vector<Provider> providers = {
#ifdef HOSTLER_WITH_ESPEAK
      {"espeak", &LoadEspeak},
#else
      {"espeak", nullptr},
#endif
#ifdef HOSTLER_WITH_FLITE
      {"flite", &LoadFlite},
#else
      {"flite", nullptr},
#endif
#ifdef HOSTLER_WITH_POCKETSPHINX
      {"pocketsphinx", &LoadPocketsphinx},
#else
      {"pocketsphinx", nullptr},
#endif
  };
  return providers;
}

const Provider* FindProvider(std::string_view name) {
  const auto found = std::find_if(Providers().begin(), Providers().end(), [&](const Provider& p) { return p.name == name; });
  return found == Providers().end() ? nullptr : &*found;
}

// Which provider a folder in models/ is for: flite's voices end in .flitevox, pocketsphinx takes a grammar.
std::string ProviderOf(const fs::path& folder) {
  std::error_code ec;
  if (fs::exists(folder / "grammar.jsgf", ec)) return "pocketsphinx";
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (it->path().extension() == ".flitevox") return "flite";
  }
  return "";
}

class ClassicEngine : public engine_sdk::Engine {
 public:
  [[nodiscard]] std::string name() const override { return "classic"; }
  [[nodiscard]] std::vector<std::string> features() const override;
  [[nodiscard]] std::vector<std::string> BuiltInModels() const override;
  [[nodiscard]] bool NeedsFiles(const std::string& model_id) const override { return FindProvider(model_id) == nullptr; }
  [[nodiscard]] Result<std::unique_ptr<Model>> Load(const LoadContext& context) override;
};

std::vector<std::string> ClassicEngine::features() const {
  std::vector<std::string> features;
  if (FindProvider("espeak")->load != nullptr || FindProvider("flite")->load != nullptr)
    features.emplace_back("generate.control");
  if (FindProvider("pocketsphinx")->load != nullptr)
    features.insert(features.end(), {"transcribe", "transcribe.stream", "transcribe.grammar"});
  return features;
}

std::vector<std::string> ClassicEngine::BuiltInModels() const {
  std::vector<std::string> names;
  for (const Provider& provider : Providers()) {
    if (provider.load != nullptr) names.push_back(provider.name);
  }
  return names;
}

Result<std::unique_ptr<Model>> ClassicEngine::Load(const LoadContext& context) {
  const std::string name = context.path.empty() ? context.model_id : ProviderOf(context.path);
  const Provider* provider = FindProvider(name);
  if (provider == nullptr) {
    return Fail(
        Code::kUnsupported, fmt::format("\"{}\" is not a model of this engine", context.model_id),
        "A folder needs *.flitevox voices or a grammar.jsgf; without files there are " + Join(BuiltInModels(), ", ") + ".");
  }
  if (provider->load == nullptr) {
    return Fail(Error{Code::kUnsupported, fmt::format("provider {} was not built in", name),
                      fmt::format("Build hostler with HOSTLER_PROVIDERS containing {}.", name)}
                    .Named("provider_missing"));
  }
  return provider->load(context);
}

}  // namespace

std::unique_ptr<engine_sdk::Engine> MakeClassicEngine() {
  return std::make_unique<ClassicEngine>();
}

}  // namespace hostler::classic
