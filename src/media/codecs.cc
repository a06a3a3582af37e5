#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "media/codec_module.h"
#include "media/media.h"
#include "media/wav.h"
#include "os/files.h"

namespace hostler::media {
namespace {

Result<> CheckShape(int sample_rate, int channels) {
  if (sample_rate < kMinSampleRate || sample_rate > kMaxSampleRate) {
    return Fail(Code::kInvalid, fmt::format("{} Hz is no usable sample rate", sample_rate),
                fmt::format("Use {} to {} Hz; 16000, 24000 and 48000 are common.", kMinSampleRate, kMaxSampleRate));
  }
  if (channels < 1 || channels > kMaxChannels) {
    return Fail(Code::kInvalid, fmt::format("{} channels cannot be handled", channels),
                fmt::format("Use 1 to {}.", kMaxChannels));
  }
  return {};
}

Result<CodecModule*> Open(const std::filesystem::path& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return Fail(Code::kUnavailable,
                fmt::format("the audio codecs cannot be opened: {}", reason != nullptr ? reason : path.string()),
                "Install hostler-media.so beside the program, and FFmpeg's libraries (libavformat, libavcodec, libswresample); "
                "WAV works without them.");
  }
  const auto entry = reinterpret_cast<CodecModuleEntry>(::dlsym(handle, kCodecModuleEntry));
  CodecModule* module = entry != nullptr ? entry(kCodecModuleAbi) : nullptr;
  if (module == nullptr) {
    return Fail(Code::kUnavailable, fmt::format("\"{}\" belongs to another version of hostler", path.string()),
                "Install the hostler-media.so that came with this hostler.");
  }
  return module;
}

// Samples that are in the file as they are wanted.
class WavDecoder : public Decoder {
 public:
  // `data` is part of `bytes`.
  WavDecoder(std::shared_ptr<const std::string> bytes, std::string_view data) : bytes_(std::move(bytes)), data_(data) {}

  Result<std::vector<std::int16_t>> Read(std::size_t most) override {
    std::vector<std::int16_t> samples(std::min(most, data_.size() / sizeof(std::int16_t)));
    if (!samples.empty()) std::memcpy(samples.data(), data_.data(), samples.size() * sizeof(std::int16_t));
    data_.remove_prefix(samples.size() * sizeof(std::int16_t));
    return samples;
  }

 private:
  const std::shared_ptr<const std::string> bytes_;
  std::string_view data_;
};

std::filesystem::path DefaultModule() {
  const std::filesystem::path folder = os::ProgramFolder();
  std::filesystem::path beside = folder / "hostler-media.so";
  std::error_code ignored;
  if (std::filesystem::exists(beside, ignored)) return beside;
  std::filesystem::path installed = folder / ".." / "lib" / "hostler" / "hostler-media.so";
  return std::filesystem::exists(installed, ignored) ? installed : beside;
}

}  // namespace

struct Codecs::State {
  std::filesystem::path path;
  std::mutex mutex;               // also keeps two first users from opening it at once; the rest waits those 25 ms
  CodecModule* module = nullptr;  // guarded by mutex; a failure is not kept: the file may be installed meanwhile
};

Codecs::Codecs(std::filesystem::path module) : state_(std::make_unique<State>()) {
  state_->path = std::move(module);
}

Codecs::~Codecs() = default;

Result<CodecModule*> Codecs::Module() {
  const std::lock_guard lock(state_->mutex);
  if (state_->module == nullptr) {
    HOSTLER_TRY(state_->module, Open(state_->path.empty() ? DefaultModule() : state_->path));
  }
  return state_->module;
}

Result<> Codecs::Warm() {
  HOSTLER_OK(Module());
  return {};
}

Result<std::unique_ptr<Encoder>> Codecs::MakeEncoder(const EncoderOptions& options) {
  HOSTLER_OK(CheckShape(options.sample_rate, options.channels));
  if (options.format == Format::kWav) return MakeWavEncoder(options);
  if (options.format == Format::kPcm && options.sample_rate == kPcmSampleRate && options.channels == 1)
    return MakePlainPcmEncoder();
  HOSTLER_TRY(CodecModule * module, Module());
  return module->MakeEncoder(options);
}

Result<Audio> Codecs::Decode(std::string_view bytes, const DecodeOptions& options, std::stop_token stop) {
  HOSTLER_OK(CheckShape(options.sample_rate, options.channels));
  if (bytes.empty()) return Fail(Code::kInvalid, "the audio file is empty", "Send a file with sound in it.");
  // What engines and the page send most: no need for FFmpeg.
  if (const auto wav = ParseWav(bytes); wav && wav->sample_rate == options.sample_rate && wav->channels == options.channels) {
    const double seconds = static_cast<double>(wav->data.size()) / 2 / wav->channels / wav->sample_rate;
    if (seconds <= options.max_seconds) return Copy(*wav);
  }
  HOSTLER_TRY(CodecModule * module, Module());
  return module->Decode(bytes, options, stop);
}

Result<std::unique_ptr<Decoder>> Codecs::OpenDecoder(std::shared_ptr<const std::string> bytes, const DecodeOptions& options,
                                                     std::stop_token stop) {
  HOSTLER_OK(CheckShape(options.sample_rate, options.channels));
  if (bytes->empty()) return Fail(Code::kInvalid, "the audio file is empty", "Send a file with sound in it.");
  if (const auto wav = ParseWav(*bytes); wav && wav->sample_rate == options.sample_rate && wav->channels == options.channels) {
    const double seconds = static_cast<double>(wav->data.size()) / 2 / wav->channels / wav->sample_rate;
    if (seconds <= options.max_seconds) return std::make_unique<WavDecoder>(std::move(bytes), wav->data);
  }
  HOSTLER_TRY(CodecModule * module, Module());
  return module->OpenDecoder(std::move(bytes), options, std::move(stop));
}

Result<Audio> Codecs::Resample(const Audio& audio, int sample_rate, int channels) {
  HOSTLER_OK(CheckShape(audio.sample_rate, audio.channels));
  HOSTLER_OK(CheckShape(sample_rate, channels));
  if (audio.sample_rate == sample_rate && audio.channels == channels) return audio;
  HOSTLER_TRY(CodecModule * module, Module());
  return module->Resample(audio, sample_rate, channels);
}

}  // namespace hostler::media
