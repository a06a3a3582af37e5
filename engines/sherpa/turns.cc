#include "engines/sherpa/turns.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engines/sherpa/library.h"

namespace hostler::sherpa {
namespace {

constexpr int kMostSpeakers = 100;

double InMilliseconds(float seconds) {
  return std::round(static_cast<double>(seconds) * 1000) / 1000;
}

class TurnsModel : public engine_sdk::Model {
 public:
  TurnsModel(Plan plan, abi::DiarizationConfig config, Diarization diarization, int sample_rate)
      : plan_(std::move(plan)), config_(config), diarization_(std::move(diarization)), sample_rate_(sample_rate) {}

  [[nodiscard]] wire::Capabilities capabilities() const override {
    wire::Capabilities can;
    can.diarize = true;
    can.input_sample_rate = sample_rate_;
    return can;
  }
  [[nodiscard]] Result<wire::DiarizeReply> Diarize(const wire::DiarizeRequest& request, const engine_sdk::Recording& recording,
                                                   std::stop_token stop) override;

 private:
  const Plan plan_;                // its strings are those of
  abi::DiarizationConfig config_;  // this
  const Diarization diarization_;
  const int sample_rate_;
};

Result<> Check(const wire::DiarizeRequest& request) {
  if (request.speakers && (*request.speakers < 1 || *request.speakers > kMostSpeakers))
    return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", *request.speakers),
                      fmt::format("Use 1 to {}, or leave it out.", kMostSpeakers)}
                    .At("speakers"));
  if (request.threshold && !(*request.threshold >= 0 && *request.threshold <= 1))
    return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", *request.threshold), "Use 0 to 1."}.At("threshold"));
  return {};
}

Result<wire::DiarizeReply> TurnsModel::Diarize(const wire::DiarizeRequest& request, const engine_sdk::Recording& recording,
                                               std::stop_token stop) {
  HOSTLER_OK(Check(request));
  wire::DiarizeReply reply;
  reply.duration = static_cast<double>(recording.samples.size()) / sample_rate_;
  if (recording.samples.empty() || stop.stop_requested()) return reply;
  std::vector<float> samples(recording.samples.size());
  std::transform(recording.samples.begin(), recording.samples.end(), samples.begin(),
                 [](std::int16_t sample) { return static_cast<float>(sample) / 32768.0F; });
  config_.clustering.num_clusters = request.speakers.value_or(-1);
  config_.clustering.threshold = static_cast<float>(request.threshold.value_or(0.5));
  // The library takes no "stop" from its callback, so the way out is to throw through it.
  const auto look = [](std::int32_t, std::int32_t, void* arg) -> std::int32_t {
    if (static_cast<std::stop_token*>(arg)->stop_requested()) throw Stopped{};
    return 0;
  };
  std::map<std::int32_t, int> numbers;  // the library's -> in order of appearance
  HOSTLER_OK(Guarded("tell the speakers apart", [&] {
    abi::SherpaOnnxOfflineSpeakerDiarizationSetConfig(diarization_.get(), &config_);
    const DiarizationResult result(abi::SherpaOnnxOfflineSpeakerDiarizationProcessWithCallback(
        diarization_.get(), samples.data(), static_cast<std::int32_t>(samples.size()), look, &stop));
    if (!result) return false;
    const std::int32_t count = abi::SherpaOnnxOfflineSpeakerDiarizationResultGetNumSegments(result.get());
    const DiarizationSegments segments(abi::SherpaOnnxOfflineSpeakerDiarizationResultSortByStartTime(result.get()));
    for (std::int32_t i = 0; segments && i < count; ++i) {
      const abi::DiarizationSegment& segment = segments.get()[i];
      const int speaker = numbers.emplace(segment.speaker, static_cast<int>(numbers.size())).first->second;
      const double end = std::min(InMilliseconds(segment.end), reply.duration);
      if (end > InMilliseconds(segment.start)) reply.turns.push_back({InMilliseconds(segment.start), end, speaker});
    }
    return true;
  }));
  reply.speakers = static_cast<int>(numbers.size());
  return reply;
}

Result<> CheckOption(const std::optional<double>& seconds, const std::string& field) {
  if (!seconds || (*seconds >= 0 && *seconds <= 10)) return {};
  return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", *seconds), "Use 0 to 10 seconds."}.At("options." + field));
}

// What the library ends the process for, if it is missing.
Result<> CheckMetadata(const std::string& path, std::initializer_list<std::string_view> keys) {
  HOSTLER_TRY(const Onnx onnx, ReadOnnxFile(path));
  for (const std::string_view key : keys) {
    if (!Text(onnx.metadata, key).empty()) continue;
    return Fail(Code::kInvalid, fmt::format("{} does not say its {}", std::filesystem::path(path).filename().string(), key),
                "Use a conversion for sherpa-onnx.");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> LoadTurns(Plan plan, const TurnsOptions& options,
                                                     const engine_sdk::LoadContext& context) {
  HOSTLER_OK(CheckOption(options.shortest_turn, "shortest_turn"));
  HOSTLER_OK(CheckOption(options.shortest_pause, "shortest_pause"));
  HOSTLER_OK(
      CheckMetadata(plan.File("segmentation"), {"sample_rate", "window_size", "receptive_field_size", "receptive_field_shift",
                                                "num_speakers", "powerset_max_classes", "num_classes"}));
  HOSTLER_OK(CheckMetadata(plan.File("embedding"), {"framework", "output_dim", "sample_rate"}));
  context.progress("reading weights", std::nullopt);
  abi::DiarizationConfig config;
  config.segmentation.num_threads = config.embedding.num_threads = context.threads;
  config.min_duration_on = static_cast<float>(options.shortest_turn.value_or(0.3));
  config.min_duration_off = static_cast<float>(options.shortest_pause.value_or(0.5));
  config.segmentation.pyannote.model = plan.File("segmentation");
  config.embedding.model = plan.File("embedding");
  Diarization diarization;
  int sample_rate = 0;
  HOSTLER_OK(Guarded("load this model", [&] {
    diarization.reset(abi::SherpaOnnxCreateOfflineSpeakerDiarization(&config));
    if (diarization) sample_rate = abi::SherpaOnnxOfflineSpeakerDiarizationGetSampleRate(diarization.get());
    return diarization != nullptr && sample_rate > 0;
  }));
  // Moving a map keeps its strings where they are.
  return std::make_unique<TurnsModel>(std::move(plan), config, std::move(diarization), sample_rate);
}

}  // namespace hostler::sherpa
