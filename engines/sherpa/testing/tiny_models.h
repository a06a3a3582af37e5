// What the tests of this room share: the tiny models of tests/models/tiny_onnx.py, loaded as the engine loads real ones.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <stdexcept>

#include "engine_sdk/sound.h"
#include "engine_sdk/testing/harness.h"
#include "engines/sherpa/sherpa.h"
#include "os/files.h"

namespace hostler::sherpa {

using Samples = std::vector<std::int16_t>;

inline std::filesystem::path TinyModel(const std::string& name) {
  return std::filesystem::path(HOSTLER_TINY_ONNX) / name;
}

// Keeps what is said; hangs up after `patience` samples.
class Tape : public engine_sdk::AudioSink {
 public:
  explicit Tape(std::size_t patience = SIZE_MAX) : patience_(patience) {}
  bool Begin(int rate, int) override {
    sample_rate = rate;
    return true;
  }
  bool Write(std::span<const std::int16_t> more) override {
    samples.insert(samples.end(), more.begin(), more.end());
    ++writes;
    if (on_write) on_write();
    return samples.size() < patience_;
  }
  [[nodiscard]] double seconds() const { return sample_rate == 0 ? 0 : static_cast<double>(samples.size()) / sample_rate; }

  int sample_rate = 0;
  int writes = 0;
  Samples samples;
  std::function<void()> on_write;

 private:
  const std::size_t patience_;
};

// RMS, of full scale.
inline double Loudness(const Samples& samples) {
  double sum = 0;
  for (const std::int16_t sample : samples) sum += static_cast<double>(sample) * sample;
  return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size())) / 32768;
}

// A tone at 16 kHz, `loud` of full scale; 0 Hz is silence.
inline void AddTone(Samples& samples, double hz, double seconds, double loud = 0.5) {
  const auto count = static_cast<std::size_t>(seconds * 16000);
  for (std::size_t i = 0; i < count; ++i)
    samples.push_back(
        static_cast<std::int16_t>(loud * 32767 * std::sin(2 * 3.14159265358979 * hz * static_cast<double>(i) / 16000)));
}

class SherpaTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<engine_sdk::Model>> TryLoad(const std::filesystem::path& path,
                                                     json::Any options = boost::json::object()) {
    engine_sdk::LoadContext context;
    context.model_id = path.filename().string();
    context.path = path;
    context.options = std::move(options);
    context.threads = 1;
    context.log = &log;
    context.progress = [](std::string_view, std::optional<double>) {};
    return engine->Load(context);
  }
  std::unique_ptr<engine_sdk::Model> Load(const std::filesystem::path& path, json::Any options = boost::json::object()) {
    auto model = TryLoad(path, std::move(options));
    if (!model) throw std::runtime_error(model.error().Text());
    return *std::move(model);
  }
  static Tape Say(engine_sdk::Model& model, const std::string& text,
                  const std::function<void(wire::ControlRequest&)>& change = {}) {
    wire::ControlRequest request{.text = text};
    if (change) change(request);
    Tape tape;
    const auto said = model.Control(request, tape, {});
    if (!said) throw std::runtime_error(said.error().Text());
    return tape;
  }
  static Error Refused(engine_sdk::Model& model, const std::string& text,
                       const std::function<void(wire::ControlRequest&)>& change = {}) {
    wire::ControlRequest request{.text = text};
    if (change) change(request);
    Tape tape;
    const auto said = model.Control(request, tape, {});
    if (said) throw std::runtime_error("it was not refused");
    return said.error();
  }
  // A copy of a model that a test can spoil.
  std::filesystem::path Copy(const std::string& name) {
    const std::filesystem::path copy = folder.path() / name;
    std::filesystem::remove_all(copy);
    std::filesystem::copy(TinyModel(name), copy, std::filesystem::copy_options::recursive);
    return copy;
  }
  static void Write(const std::filesystem::path& file, std::string_view content) {
    std::filesystem::remove(file);  // written anew it would be flushed to the disk at once
    if (!(std::ofstream(file, std::ios::binary) << content)) throw std::runtime_error("cannot write " + file.string());
  }

  engine_sdk::testing::TempFolder folder;
  log::Log log{"test", log::Level::kDebug, false};
  std::unique_ptr<engine_sdk::Engine> engine = MakeSherpaEngine();
};

}  // namespace hostler::sherpa
