#include "engines/sherpa/sherpa.h"

#include "engines/sherpa/families.h"
#include "engines/sherpa/hearing.h"
#include "engines/sherpa/library.h"
#include "engines/sherpa/speaking.h"
#include "engines/sherpa/turns.h"

namespace hostler::sherpa {
namespace {

using engine_sdk::LoadContext;
using engine_sdk::Model;

// The load options as a struct; unknown keys are errors.
template <class T>
Result<T> ReadOptions(const LoadContext& context) {
  T options;
  json::DecodeOptions decode;
  if (auto done = json::Decode(context.options, options, decode); !done) {
    Error error = std::move(done).error();
    error.field = error.field.empty() ? "options" : "options." + error.field;
    return Fail(std::move(error));
  }
  return options;
}

// Needed before it is known which kind of model it is, and so which options there are.
bool PrefersInt8(const LoadContext& context) {
  const auto* object = context.options.if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains("int8");
  return value == nullptr || !value->is_bool() || value->get_bool();
}

class SherpaEngine : public engine_sdk::Engine {
 public:
  [[nodiscard]] std::string name() const override { return "sherpa"; }
  [[nodiscard]] std::vector<std::string> features() const override {
    return {"generate.control", "generate.clone", "transcribe", "transcribe.stream", "diarize"};
  }
  [[nodiscard]] bool Recognises(const std::filesystem::path& path) const override { return LooksLikeModel(path); }
  [[nodiscard]] Result<std::unique_ptr<Model>> Load(const LoadContext& context) override;
};

Result<std::unique_ptr<Model>> SherpaEngine::Load(const LoadContext& context) {
  HOSTLER_OK(OpenLibrary());
  HOSTLER_TRY(Plan plan, Identify(context.path, PrefersInt8(context)));
  context.log->Info("{} is a {} model", context.model_id, plan.name);
  switch (plan.purpose) {
    case Purpose::kSpeech: {
      HOSTLER_TRY(const SpeakingOptions options, ReadOptions<SpeakingOptions>(context));
      return LoadSpeaking(std::move(plan), options, context);
    }
    case Purpose::kHearing: {
      HOSTLER_TRY(const HearingOptions options, ReadOptions<HearingOptions>(context));
      return LoadHearing(std::move(plan), options, context);
    }
    case Purpose::kTurns: break;
  }
  HOSTLER_TRY(const TurnsOptions options, ReadOptions<TurnsOptions>(context));
  return LoadTurns(std::move(plan), options, context);
}

}  // namespace

std::unique_ptr<engine_sdk::Engine> MakeSherpaEngine() {
  return std::make_unique<SherpaEngine>();
}

}  // namespace hostler::sherpa
