// hostler-engine-fake: a real engine whose model does what a test wants, README.md says how. Never part of the product.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "engine_sdk/run.h"
#include "engines/fake/fake_model.h"
#include "engines/fake/mischief.h"

namespace hostler::fake {
namespace {

class FakeEngine : public engine_sdk::Engine {
 public:
  explicit FakeEngine(Mischief& mischief) : mischief_(mischief) {}

  [[nodiscard]] std::string name() const override { return "fake"; }
  [[nodiscard]] std::vector<std::string> features() const override {
    return {"generate.control", "generate.clone", "generate.design", "transcribe", "transcribe.stream",
            "diarize",          "embed",          "rerank",          "sparse"};
  }
  [[nodiscard]] std::vector<std::string> BuiltInModels() const override { return {"fake"}; }
  [[nodiscard]] bool NeedsFiles(const std::string& model_id) const override { return model_id.starts_with("no-such-model"); }
  [[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> Load(const engine_sdk::LoadContext& context) override;

 private:
  Mischief& mischief_;
};

Result<std::unique_ptr<engine_sdk::Model>> FakeEngine::Load(const engine_sdk::LoadContext& context) {
  Options options;
  json::DecodeOptions decode;
  if (auto done = json::Decode(context.options, options, decode); !done) {
    done.error().field = "options." + done.error().field;
    return Fail(std::move(done).error());
  }
  mischief_.Add(options);
  options = mischief_.options();
  context.progress("opening", 0.0);
  mischief_.Babble(*context.log);
  if (options.spawn_helper.value_or(false)) mischief_.StartHelper();
  if (options.load_hang.value_or(false)) {
    while (true) ::pause();
  }
  if (options.load_ms) {
    context.progress("reading weights", 0.5);
    (void)Wait(std::chrono::milliseconds(*options.load_ms), {});
  }
  if (options.load_crash) std::raise(*options.load_crash);
  if (options.load_fail) return Fail(Code::kInternal, *options.load_fail, "Ask the fake engine for something else.");
  context.progress("ready", 1.0);
  return std::make_unique<FakeModel>(context.model_id, options, mischief_, *context.log);
}

int Main(int argc, char** argv) {
  Options options;
  if (const char* text = std::getenv("HOSTLER_FAKE"); text != nullptr && *text != '\0') {
    auto parsed = json::Parse<Options>(text);
    if (!parsed) {
      std::fprintf(stderr, "HOSTLER_FAKE: %s\n", parsed.error().Text().c_str());
      return 2;
    }
    options = *std::move(parsed);
  }
  if (options.startup_exit) {
    std::fprintf(stderr, "hostler-engine-fake: told to end at once\n");
    return *options.startup_exit;
  }
  if (options.raw_garbage.value_or(false)) return ServeRawGarbage(argc, argv);
  Mischief mischief(options, ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  return engine_sdk::RunEngineWith(argc, argv, std::make_unique<FakeEngine>(mischief), mischief.Hooks());
}

}  // namespace
}  // namespace hostler::fake

int main(int argc, char** argv) {
  return hostler::fake::Main(argc, argv);
}
