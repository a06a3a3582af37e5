// Audio in and out: decode anything, resample, encode to the seven formats of the speech API as the samples come.
//
// WAV and raw PCM are written here. Everything else is FFmpeg's, which costs 25 ms and 23 MB to link, so it lives in a
// module of its own (hostler-media.so) that is opened with the first use, and an idle daemon stays small.
// Owner: hostlerd holds one Codecs. Threads: Codecs any; an Encoder one thread at a time. All calls block: use a pool.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::media {

enum class Format { kMp3, kOpus, kAac, kFlac, kWav, kPcm, kM4a };

[[nodiscard]] std::optional<Format> FormatFromName(std::string_view name);  // "mp3"
[[nodiscard]] std::string_view FormatName(Format format);
[[nodiscard]] std::string_view ContentType(Format format);  // spec/voice.md section 4.1: "audio/mpeg"
[[nodiscard]] std::vector<std::string> FormatNames();

// PCM s16, interleaved.
struct Audio {
  int sample_rate = 0;  // Hz
  int channels = 1;
  std::vector<std::int16_t> samples;  // [frames * channels]
  [[nodiscard]] double seconds() const {
    return sample_rate == 0 ? 0 : static_cast<double>(samples.size()) / channels / sample_rate;
  }
};

// RIFF/WAVE with a right header. `data_bytes` nullopt: length unknown (a stream), sizes are 0xFFFFFFFF.
[[nodiscard]] std::string WavHeader(int sample_rate, int channels, std::optional<std::uint32_t> data_bytes);
[[nodiscard]] std::string ToWav(const Audio& audio);
// Reads PCM s16le WAV only (what engines exchange); kUnsupported for other encodings, kInvalid for junk. Tolerates streamed
// sizes.
[[nodiscard]] Result<Audio> FromWav(std::string_view bytes);

struct EncoderOptions {
  Format format = Format::kWav;
  int sample_rate = 24000;  // of the samples that come in
  int channels = 1;
  // Known beforehand: a WAV gets its right sizes, and must get exactly so many. Otherwise headers are those of a stream.
  std::optional<std::uint64_t> frames;
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // Bytes that are ready after these samples; may be empty. REQUIRES: whole frames, interleaved.
  // The head of a container comes with the first call; M4A's with the first quarter of a second of sound.
  [[nodiscard]] virtual Result<std::string> Push(std::span<const std::int16_t> samples) = 0;
  // The rest. No calls afterwards. Without any samples, all but pcm still become a file that plays: a frame of silence.
  [[nodiscard]] virtual Result<std::string> Finish() = 0;
};

// A file on its way to samples, piece by piece, so that hours of sound need no hours of memory.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // The next `most` samples (interleaved, whole frames); fewer only at the end, then none. Errors as of Codecs::Decode; whether a
  // file is good for anything is known at its end.
  [[nodiscard]] virtual Result<std::vector<std::int16_t>> Read(std::size_t most) = 0;
};

struct DecodeOptions {
  int sample_rate = 16000;        // wanted, Hz
  int channels = 1;               // wanted
  double max_seconds = 4 * 3600;  // longer is kTooLarge, before the memory is spent
};

// What Codecs needs from the FFmpeg module. Internal to this room.
class CodecModule;

class Codecs {
 public:
  // `module`: path of hostler-media.so; empty: beside this program, else in ../lib/hostler.
  explicit Codecs(std::filesystem::path module = {});
  ~Codecs();
  Codecs(const Codecs&) = delete;
  Codecs& operator=(const Codecs&) = delete;

  // pcm is 24 kHz mono s16le whatever comes in (what OpenAI's clients expect); the others keep the rate where the codec can.
  [[nodiscard]] Result<std::unique_ptr<Encoder>> MakeEncoder(const EncoderOptions& options);
  // Any container and codec FFmpeg reads. Errors: kInvalid with what FFmpeg said (no audio, junk, truncated beyond use),
  // kTooLarge, kCancelled.
  [[nodiscard]] Result<Audio> Decode(std::string_view bytes, const DecodeOptions& options, std::stop_token stop = {});
  // The same, piece by piece. The decoder keeps `bytes`; one thread at a time, not always the same.
  [[nodiscard]] Result<std::unique_ptr<Decoder>> OpenDecoder(std::shared_ptr<const std::string> bytes,
                                                             const DecodeOptions& options, std::stop_token stop = {});
  [[nodiscard]] Result<Audio> Resample(const Audio& audio, int sample_rate, int channels);

  // Opens the module now, so that the first request does not pay for it. Safe to call again.
  Result<> Warm();

 private:
  Result<CodecModule*> Module();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hostler::media
