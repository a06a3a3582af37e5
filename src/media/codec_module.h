// What hostler-media.so offers to Codecs. Internal to this room.
//
// Owner: the module itself; it is never closed, so encoders may outlive whoever opened it. Threads: any.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>

#include "media/media.h"

namespace hostler::media {

class CodecModule {
 public:
  virtual ~CodecModule() = default;
  // Every format but WAV.
  [[nodiscard]] virtual Result<std::unique_ptr<Encoder>> MakeEncoder(const EncoderOptions& options) = 0;
  [[nodiscard]] virtual Result<Audio> Decode(std::string_view bytes, const DecodeOptions& options,
                                             const std::stop_token& stop) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Decoder>> OpenDecoder(std::shared_ptr<const std::string> bytes,
                                                                     const DecodeOptions& options, std::stop_token stop) = 0;
  [[nodiscard]] virtual Result<Audio> Resample(const Audio& audio, int sample_rate, int channels) = 0;
};

// Raise it with every change of this class or of a type in its calls.
inline constexpr int kCodecModuleAbi = 2;
inline constexpr const char* kCodecModuleEntry = "hostler_media_module";
// The module, or nullptr if it was built for another ABI.
using CodecModuleEntry = CodecModule* (*)(int abi);

// Limits of every call: what FFmpeg's resampler and the formats can hold.
inline constexpr int kMinSampleRate = 1000;
inline constexpr int kMaxSampleRate = 384000;
inline constexpr int kMaxChannels = 8;
inline constexpr int kPcmSampleRate = 24000;

}  // namespace hostler::media
