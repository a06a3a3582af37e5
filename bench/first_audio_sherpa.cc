// Time to the first audio of sherpa's voices: the engine's own model called in this process, and through a running hostler, in
// turns. Started by first_audio_sherpa.py with tiny models, so that what hostler adds can be seen.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/first_byte.h"
#include "engine_sdk/engine.h"
#include "engines/sherpa/sherpa.h"

namespace {

using namespace hostler;

class FirstPiece final : public engine_sdk::AudioSink {
 public:
  explicit FirstPiece(std::int64_t begin) : begin_(begin) {}
  bool Begin(int, int) override { return true; }
  bool Write(std::span<const std::int16_t>) override {
    if (milliseconds == 0) milliseconds = bench::MillisecondsSince(begin_);
    return true;
  }
  double milliseconds = 0;

 private:
  const std::int64_t begin_;
};

}  // namespace

// HOST PORT MODEL FOLDER: where hostler listens, the model's name there, its files.
int main(int argc, char** argv) {
  if (argc != 5) return 2;
  constexpr const char* kText = "One two three four five.";
  log::Log log("bench", log::Level::kError, true);
  const auto engine = sherpa::MakeSherpaEngine();
  const auto ignore = [](std::string_view, std::optional<double>) {};
  auto model = engine->Load({argv[3], argv[4], json::Any(boost::json::object_kind), 1, ignore, &log});
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().Text().c_str());
    return 1;
  }
  const auto library = [&] {
    FirstPiece sink(bench::NowNs());
    const wire::ControlRequest request{.text = kText};
    if (!(*model)->Control(request, sink, {})) std::exit(1);
    return sink.milliseconds;
  };
  const std::string body = std::string(R"({"model":")") + argv[3] + R"(","response_format":"wav","input":")" + kText + "\"}";
  return bench::Compare({std::string("first audio of ") + argv[3], argv[1], argv[2], "/v1/audio/speech", body, library});
}
