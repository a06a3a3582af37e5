#include "engines/fake/fake_model.h"

#include <unistd.h>

#include <cmath>
#include <condition_variable>
#include <csignal>
#include <numbers>

#include "base/text.h"

namespace hostler::fake {
namespace {

constexpr std::size_t kSamplesPerCharacter = 800;
constexpr int kInputRate = 16000;  // Hz

std::size_t Length(const std::string& text, const std::optional<double>& speed) {
  return static_cast<std::size_t>(static_cast<double>(Utf8Length(text).value_or(0) * kSamplesPerCharacter) / speed.value_or(1));
}

Result<double> PitchOf(const std::string& voice, bool blends) {
  if (voice == "fake-1") return 220.0;
  if (voice == "fake-2") return 110.0;
  double sum = 0;
  double weights = 0;
  for (const std::string_view part : blends ? Split(voice, '+') : std::vector<std::string_view>()) {
    const std::string_view name = part.substr(0, part.find('('));
    const double weight =
        name.size() == part.size() ? 1 : std::strtod(std::string(part.substr(name.size() + 1)).c_str(), nullptr);
    sum += weight * (name == "fake-1" ? 220 : name == "fake-2" ? 110 : std::nan(""));
    weights += weight;
  }
  if (weights > 0 && !std::isnan(sum)) return sum / weights;
  return Fail(Error{Code::kNotFound, fmt::format("unknown voice \"{}\"", voice), "Use fake-1 or fake-2."}.At("voice"));
}

// Of a tone, by the time between its first and its last way from below to above; what is soft around it does not count.
double PitchOf(const engine_sdk::Recording& reference) {
  constexpr int kLoud = 500;
  bool below = false;
  std::vector<std::size_t> rises;
  for (std::size_t i = 0; i < reference.samples.size(); ++i) {
    if (reference.samples[i] > kLoud && below) rises.push_back(i);
    if (std::abs(reference.samples[i]) > kLoud) below = reference.samples[i] < 0;
  }
  if (rises.size() < 2) return 50;
  return static_cast<double>(rises.size() - 1) * reference.sample_rate / static_cast<double>(rises.back() - rises.front());
}

}  // namespace

bool Wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

FakeModel::FakeModel(std::string id, Options options, Mischief& mischief, log::Log& log)
    : id_(std::move(id)),
      options_(std::move(options)),
      mischief_(mischief),
      log_(log),
      memory_(Memory(options_.memory_mb.value_or(0))) {}

wire::Capabilities FakeModel::capabilities() const {
  wire::Capabilities can;
  can.streaming = true;
  can.voice_design = Can("design");
  can.voice_clone = Can("clone");
  can.instructions = Can("instructions");
  can.speed_control = Can("speed_control");
  can.voice_blend = options_.blends.value_or(false);
  can.transcribe = can.word_times = true;
  can.diarize = true;
  can.languages = {"en-us", "de"};
  can.sample_rate = options_.sample_rate.value_or(16000);
  can.input_sample_rate = kInputRate;
  can.default_voice = "fake-1";
  can.text = wire::TextAbilities{.embed = true,
                                 .rerank = true,
                                 .sparse = true,
                                 .dimension = options_.dimension.value_or(8),
                                 .context_length = options_.context_length.value_or(512),
                                 .probabilities = options_.probabilities};
  return can;
}

bool FakeModel::Can(std::string_view what) const {
  if (!options_.cannot) return true;
  const auto list = Split(*options_.cannot, ',');
  return std::ranges::find(list, what) == list.end();
}

std::vector<wire::Voice> FakeModel::voices() const {
  return {{"fake-1", "Fake One", "en-us", "female"}, {"fake-2", "Fake Two", "de", "male"}};
}

int FakeModel::BeginRequest(std::string_view what) {
  const int number = ++requests_;
  log_.Info("fake {} request {} starts: {}", id_, number, what);
  mischief_.Babble(log_);
  if (options_.leak_mb_per_request) mischief_.Grow(*options_.leak_mb_per_request);
  return number;
}

Result<> FakeModel::Control(const wire::ControlRequest& request, engine_sdk::AudioSink& sink, std::stop_token stop) {
  HOSTLER_TRY(const double pitch, PitchOf(request.voice.value_or("fake-1"), options_.blends.value_or(false)));
  if (request.instructions) log_.Info("fake {} is told: {}", id_, *request.instructions);
  return Speak({pitch, Length(request.text, request.speed)}, sink, stop);
}

Result<> FakeModel::Clone(const wire::CloneRequest& request, const engine_sdk::Recording& reference, engine_sdk::AudioSink& sink,
                          std::stop_token stop) {
  log_.Info("fake {} heard a reference of {} samples: {}", id_, reference.samples.size(), request.transcript.value_or("?"));
  return Speak({PitchOf(reference), Length(request.text, request.speed)}, sink, stop);
}

Result<> FakeModel::Design(const wire::DesignRequest& request, engine_sdk::AudioSink& sink, std::stop_token stop) {
  log_.Info("fake {} imagines: {}", id_, request.description);
  return Speak({440, Length(request.text, request.speed)}, sink, stop);
}

Result<> FakeModel::Misbehave(int chunk, const std::stop_token& stop) {
  if (options_.fail_at_chunk == chunk)
    return Fail(Code::kInternal, fmt::format("the fake model was told to fail at chunk {}", chunk));
  if (options_.crash_at_chunk == chunk) std::raise(SIGSEGV);
  if (options_.abort_at_chunk == chunk) std::abort();
  if (options_.exit_at_chunk == chunk) ::_exit(3);
  if (options_.stall_at_chunk == chunk) {
    log_.Warning("fake {} stalls at chunk {}", id_, chunk);
    while (options_.stall_hard.value_or(false)) ::pause();
    while (Wait(std::chrono::hours(1), stop)) {
    }
  }
  return {};
}

Result<> FakeModel::Speak(Tone tone, engine_sdk::AudioSink& sink, const std::stop_token& stop) {
  const int number = BeginRequest("speak");
  const int rate = options_.sample_rate.value_or(16000);
  const auto block = static_cast<std::size_t>(std::max(1, options_.chunk_samples.value_or(1600)));
  if (options_.chunks) tone.samples = static_cast<std::size_t>(*options_.chunks) * block;
  // Silence at both ends is part of the tone's chunks.
  const std::size_t silence = static_cast<std::size_t>(options_.silence_ms.value_or(0)) * static_cast<std::size_t>(rate) / 1000;
  tone.samples += 2 * silence;
  std::vector<std::int16_t> samples(block);
  int chunk = 0;
  for (std::size_t done = 0; done < tone.samples; ++chunk) {
    HOSTLER_OK(Misbehave(chunk, stop));
    const std::size_t count = std::min(block, tone.samples - done);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = done + i;
      const bool sounds = at >= silence && at < tone.samples - silence;
      const double phase = 2 * std::numbers::pi * tone.pitch * static_cast<double>(at) / rate;
      samples[i] = sounds ? static_cast<std::int16_t>(std::lround(8000 * std::sin(phase))) : std::int16_t{0};
    }
    const bool wanted = (chunk > 0 || sink.Begin(rate, 1)) && sink.Write({samples.data(), count});
    if (!wanted || (options_.chunk_ms && !Wait(std::chrono::milliseconds(*options_.chunk_ms), stop))) {
      log_.Info("fake {} request {} cancelled after {} chunks", id_, number, chunk + 1);
      return {};
    }
    done += count;
  }
  HOSTLER_OK(Misbehave(chunk, stop));
  log_.Info("fake {} request {} ends: {} samples in {} chunks", id_, number, tone.samples, chunk);
  return {};
}

// One segment per second of the recording; the last one may be shorter.
Result<wire::Transcript> FakeModel::Transcribe(const wire::TranscribeRequest& request, const engine_sdk::Recording& recording,
                                               const std::function<void(const wire::Segment&)>& on_segment,
                                               std::stop_token stop) {
  const int number = BeginRequest("hear");
  const auto rate = static_cast<std::size_t>(recording.sample_rate);
  wire::Transcript transcript;
  transcript.text = fmt::format("heard {} samples at {} Hz", recording.samples.size(), rate);
  transcript.language = request.language.value_or("en");
  transcript.duration = static_cast<double>(recording.samples.size()) / static_cast<double>(rate);
  std::size_t count = std::max<std::size_t>(1, (recording.samples.size() + rate - 1) / rate);
  if (options_.stamped_segments) count = static_cast<std::size_t>(*options_.stamped_segments);
  for (std::size_t i = 0; i < count; ++i) {
    HOSTLER_OK(Misbehave(static_cast<int>(i), stop));
    if (options_.chunk_ms && !Wait(std::chrono::milliseconds(*options_.chunk_ms), stop)) {
      log_.Info("fake {} request {} cancelled after {} chunks", id_, number, i);
      return transcript;
    }
    wire::Segment segment;
    segment.id = static_cast<int>(i);
    segment.start = static_cast<double>(i);
    segment.end = std::min(transcript.duration, static_cast<double>(i + 1));
    segment.text = count == 1 ? transcript.text : fmt::format("second {}", i + 1);
    if (options_.stamped_segments)
      segment.text = fmt::format("sent at {}", std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
    if (on_segment) on_segment(segment);
    transcript.segments.push_back(std::move(segment));
  }
  if (request.words.value_or(false)) {
    const auto words = Split(transcript.text, ' ');
    const double length = transcript.duration / static_cast<double>(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      transcript.words.push_back(
          {std::string(words[i]), length * static_cast<double>(i), length * static_cast<double>(i + 1), 1.0});
    }
  }
  log_.Info("fake {} request {} ends: {}", id_, number, transcript.text);
  return transcript;
}

// Everybody speaks for 1.5 s in turn, two people unless the request says how many.
Result<wire::DiarizeReply> FakeModel::Diarize(const wire::DiarizeRequest& request, const engine_sdk::Recording& recording,
                                              std::stop_token stop) {
  constexpr double kTurn = 1.5;  // seconds
  const int number = BeginRequest("tell speakers apart");
  wire::DiarizeReply reply;
  reply.duration = static_cast<double>(recording.samples.size()) / recording.sample_rate;
  const int speakers = request.speakers.value_or(2);
  for (int i = 0; kTurn * i < reply.duration; ++i) {
    HOSTLER_OK(Misbehave(i, stop));
    reply.turns.push_back({kTurn * i, std::min(reply.duration, kTurn * (i + 1)), i % speakers});
    reply.speakers = std::min(speakers, i + 1);
  }
  log_.Info("fake {} request {} ends: {} turns", id_, number, reply.turns.size());
  return reply;
}

}  // namespace hostler::fake
