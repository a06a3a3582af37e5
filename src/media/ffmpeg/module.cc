#include "media/codec_module.h"
#include "media/ffmpeg/av.h"
#include "media/ffmpeg/decoder.h"
#include "media/ffmpeg/encoder.h"
#include "media/ffmpeg/resampler.h"

namespace hostler::media {
namespace {

// A lying header can ask for gigabytes of index; an honest one of hours asks for 20 MB. Several may be asked for.
constexpr std::size_t kLargestAllocation = 64 << 20;

class FfmpegModule : public CodecModule {
 public:
  FfmpegModule() {
    av::CaptureLog();
    av_max_alloc(kLargestAllocation);
  }
  Result<std::unique_ptr<Encoder>> MakeEncoder(const EncoderOptions& options) override { return av::MakeEncoder(options); }
  Result<Audio> Decode(std::string_view bytes, const DecodeOptions& options, const std::stop_token& stop) override {
    return av::Decode(bytes, options, stop);
  }
  Result<std::unique_ptr<Decoder>> OpenDecoder(std::shared_ptr<const std::string> bytes, const DecodeOptions& options,
                                               std::stop_token stop) override {
    return av::OpenDecoder(std::move(bytes), options, std::move(stop));
  }
  Result<Audio> Resample(const Audio& audio, int sample_rate, int channels) override {
    return av::Resample(audio, sample_rate, channels);
  }
};

}  // namespace
}  // namespace hostler::media

// Returns the one module of the process, or nullptr if the caller speaks another ABI.
extern "C" [[gnu::visibility("default")]] hostler::media::CodecModule* hostler_media_module(int abi) {
  if (abi != hostler::media::kCodecModuleAbi) return nullptr;
  static hostler::media::FfmpegModule module;
  return &module;
}
