#include "engines/llama/llama.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/llama/library.h"

namespace hostler::llama {
namespace {

std::vector<const Family*> Families() {
  return {&Speech(), &Splade()};
}

class LlamaEngine final : public engine_sdk::Engine {
 public:
  [[nodiscard]] std::string name() const override { return "llama"; }

  [[nodiscard]] std::vector<std::string> features() const override {
    std::vector<std::string> features = {"load.progress"};
    for (const Family* family : Families()) {
      for (const auto& feature : Split(family->feature, ' ')) features.emplace_back(feature);
    }
    return features;
  }

  [[nodiscard]] bool Recognises(const std::filesystem::path& path) const override {
    for (const Family* family : Families()) {
      if (family->recognises(path)) return true;
    }
    return false;
  }

  [[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> Load(const engine_sdk::LoadContext& context) override {
    HOSTLER_OK(OpenLibrary(*context.log));
    std::vector<std::string> names;
    for (const Family* family : Families()) {
      if (family->recognises(context.path)) return family->load(context);
      names.emplace_back(family->name);
    }
    return Fail(Code::kInvalid, fmt::format("{} holds no model that this engine can load", context.path.string()),
                "It loads " + Join(names, ", ") + ".");
  }
};

}  // namespace

std::unique_ptr<engine_sdk::Engine> MakeLlamaEngine() {
  return std::make_unique<LlamaEngine>();
}

}  // namespace hostler::llama
