// Format: Microsoft/IBM "Multimedia Programming Interface and Data Specifications 1.0", and WAVEFORMATEXTENSIBLE.
#include "media/wav.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <limits>

#include "media/codec_module.h"

namespace hostler::media {
namespace {

static_assert(std::endian::native == std::endian::little, "samples are written as they lie in memory");

constexpr std::uint32_t kUnknownSize = 0xFFFFFFFF;
// From here on a size is a stream's "as much as there is": sox writes 0x7FFFF000 and more, FFmpeg 0xFFFFFFFF.
constexpr std::uint32_t kStreamedSize = 0x7FFFF000;
constexpr std::uint32_t kHeaderAfterRiffSize = 36;
constexpr std::uint16_t kTagPcm = 1;
constexpr std::uint16_t kTagExtensible = 0xFFFE;

template <class T>
T Read(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <class T>
void Append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::unexpected<Error> Junk(std::string_view what) {
  return Fail(Code::kInvalid, fmt::format("this is no usable WAV file: {}", what),
              "Send a complete RIFF/WAVE file with 16-bit PCM.");
}

struct WavFormat {
  int sample_rate = 0;
  int channels = 0;
};

Result<WavFormat> ParseFormat(std::string_view chunk) {
  if (chunk.size() < 16) return Junk("its fmt chunk is too short");
  auto tag = Read<std::uint16_t>(chunk, 0);
  const auto channels = Read<std::uint16_t>(chunk, 2);
  const auto sample_rate = Read<std::uint32_t>(chunk, 4);
  const auto block = Read<std::uint16_t>(chunk, 12);
  const auto bits = Read<std::uint16_t>(chunk, 14);
  if (tag == kTagExtensible && chunk.size() >= 26) tag = Read<std::uint16_t>(chunk, 24);  // the subformat's first two bytes
  if (tag != kTagPcm || bits != 16) {
    return Fail(Code::kUnsupported, fmt::format("this WAV file holds {}-bit samples of kind {}, not 16-bit PCM", bits, tag),
                "Convert it to 16-bit PCM (ffmpeg -i in.wav -c:a pcm_s16le out.wav).");
  }
  if (channels < 1 || channels > kMaxChannels || sample_rate < kMinSampleRate || sample_rate > kMaxSampleRate ||
      block != channels * 2) {
    return Junk(fmt::format("{} channels at {} Hz in blocks of {} bytes make no sense", channels, sample_rate, block));
  }
  return WavFormat{static_cast<int>(sample_rate), channels};
}

// `rest`: from the data chunk's first byte to the end of the file.
Result<std::string_view> TakeData(std::string_view rest, std::uint32_t size, std::uint32_t riff_size) {
  const bool streamed = size >= kStreamedSize || (size == 0 && (riff_size == 0 || riff_size >= kStreamedSize));
  if (streamed) return rest;
  if (size > rest.size()) return Junk(fmt::format("it is truncated: {} of {} bytes of sound are there", rest.size(), size));
  return rest.substr(0, size);
}

}  // namespace

std::string_view BytesOf(std::span<const std::int16_t> samples) {
  return {reinterpret_cast<const char*>(samples.data()), samples.size_bytes()};
}

std::string WavHeader(int sample_rate, int channels, std::optional<std::uint32_t> data_bytes) {
  const bool known = data_bytes && *data_bytes <= kUnknownSize - kHeaderAfterRiffSize;
  std::string header = "RIFF";
  Append<std::uint32_t>(header, known ? *data_bytes + kHeaderAfterRiffSize : kUnknownSize);
  header += "WAVEfmt ";
  Append<std::uint32_t>(header, 16);
  Append<std::uint16_t>(header, kTagPcm);
  Append<std::uint16_t>(header, static_cast<std::uint16_t>(channels));
  Append<std::uint32_t>(header, static_cast<std::uint32_t>(sample_rate));
  Append<std::uint32_t>(header, static_cast<std::uint32_t>(sample_rate) * static_cast<std::uint32_t>(channels) * 2);
  Append<std::uint16_t>(header, static_cast<std::uint16_t>(channels * 2));
  Append<std::uint16_t>(header, 16);
  header += "data";
  Append<std::uint32_t>(header, known ? *data_bytes : kUnknownSize);
  return header;
}

std::string ToWav(const Audio& audio) {
  const std::size_t size = audio.samples.size() * 2;
  const bool fits = size < kUnknownSize;
  std::string wav =
      WavHeader(audio.sample_rate, audio.channels, fits ? std::optional(static_cast<std::uint32_t>(size)) : std::nullopt);
  wav += BytesOf(audio.samples);
  return wav;
}

Result<WavView> ParseWav(std::string_view bytes) {
  if (bytes.size() < 12 || !bytes.starts_with("RIFF") || bytes.substr(8, 4) != "WAVE")
    return Junk("it does not begin with RIFF and WAVE");
  const auto riff_size = Read<std::uint32_t>(bytes, 4);
  std::optional<WavFormat> format;
  std::string_view rest = bytes.substr(12);
  while (rest.size() >= 8) {
    const std::string_view name = rest.substr(0, 4);
    const auto size = Read<std::uint32_t>(rest, 4);
    rest.remove_prefix(8);
    if (name == "data") {
      if (!format) return Junk("its sound comes before its format");
      HOSTLER_TRY(std::string_view data, TakeData(rest, size, riff_size));
      data.remove_suffix(data.size() % (static_cast<std::size_t>(format->channels) * 2));
      return WavView{format->sample_rate, format->channels, data};
    }
    if (size > rest.size()) return Junk("it is truncated");
    if (name == "fmt ") {
      HOSTLER_TRY(format, ParseFormat(rest.substr(0, size)));
    }
    rest.remove_prefix(std::min<std::size_t>(rest.size(), std::size_t{size} + size % 2));  // chunks begin at even offsets
  }
  return Junk(format ? "it has no sound" : "it has no format");
}

Audio Copy(const WavView& view) {
  Audio audio{.sample_rate = view.sample_rate, .channels = view.channels, .samples = {}};
  audio.samples.resize(view.data.size() / 2);
  if (!view.data.empty()) std::memcpy(audio.samples.data(), view.data.data(), view.data.size());
  return audio;
}

Result<Audio> FromWav(std::string_view bytes) {
  HOSTLER_TRY(const WavView view, ParseWav(bytes));
  return Copy(view);
}

namespace {

// Samples as they are, after a header (WAV) or without one (PCM).
class PlainEncoder : public Encoder {
 public:
  PlainEncoder(std::string header, int channels, std::optional<std::uint64_t> frames)
      : pending_(std::move(header)), channels_(static_cast<std::size_t>(channels)) {
    if (frames) expected_ = *frames * channels_;
  }

  Result<std::string> Push(std::span<const std::int16_t> samples) override {
    pushed_ += samples.size();
    if (expected_ && pushed_ > *expected_) return Mismatch();
    std::string bytes = std::exchange(pending_, {});
    bytes += BytesOf(samples);
    return bytes;
  }

  Result<std::string> Finish() override {
    if (pushed_ % channels_ != 0 || (expected_ && pushed_ != *expected_)) return Mismatch();
    return std::exchange(pending_, {});
  }

 private:
  [[nodiscard]] std::unexpected<Error> Mismatch() const {
    return Fail(Code::kInternal, fmt::format("{} samples came where {} were announced", pushed_, expected_.value_or(pushed_)),
                "This is a defect of hostler; please report it.");
  }

  std::string pending_;  // the header, until the first call
  const std::size_t channels_;
  std::optional<std::uint64_t> expected_;  // samples
  std::uint64_t pushed_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> MakeWavEncoder(const EncoderOptions& options) {
  std::optional<std::uint32_t> size;
  const auto frame_bytes = static_cast<std::uint64_t>(options.channels) * 2;
  if (options.frames && *options.frames < kUnknownSize / frame_bytes)
    size = static_cast<std::uint32_t>(*options.frames * frame_bytes);
  return std::make_unique<PlainEncoder>(WavHeader(options.sample_rate, options.channels, size), options.channels, options.frames);
}

std::unique_ptr<Encoder> MakePlainPcmEncoder() {
  return std::make_unique<PlainEncoder>(std::string(), 1, std::nullopt);
}

}  // namespace hostler::media
