// Uploads are hostile until proven otherwise: only containers that hold their own data are opened, nothing they name is,
// only audio decoders run, and both time and memory are bounded.
#include "media/ffmpeg/decoder.h"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "media/codec_module.h"
#include "media/ffmpeg/av.h"
#include "media/ffmpeg/resampler.h"

namespace hostler::media::av {
namespace {

constexpr int kIoBuffer = 16384;
constexpr int kBlock = 16384;  // frames
constexpr int kMostChannels = 64;
constexpr int kMostStreams = 64;  // each may ask for an index as large as one allocation may be

// Seconds of this thread's own time. The slowest honest codec is some hundred times faster than the sound it makes.
constexpr double kTimeAtLeast = 10;
constexpr double kTimePerSecond = 0.01;
constexpr double kTimePerMb = 0.5;

// No playlists (hls, dash, concat …), no network descriptions (sdp, rtp), no pictures.
constexpr const char* kContainers =
    "wav,w64,aiff,au,caf,mp3,ogg,flac,aac,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,avi,flv,mpeg,mpegts,amr,ac3,eac3,dts,"
    "ape,wv,tta,tak,mpc,mpc8,dsf,voc,gsm,loas,latm,truehd,mlp,oma,smjpeg,nut,rm,swf,sox,ircam,ast,aa3,spx,amrnb,amrwb";

std::unexpected<Error> Unreadable(std::string_view what) {
  return Fail(Code::kInvalid, fmt::format("the audio cannot be read: {}", what),
              "Send a complete file with sound in it: WAV, MP3, FLAC, Ogg/Opus, AAC, M4A or WebM.");
}

// Of a container. Without memory is who was promised a thousand million entries.
std::unexpected<Error> Unopened(int error) {
  if (error != AVERROR(ENOMEM)) return Unreadable(Reason(error));
  const std::string line = LastLine();
  return Unreadable(fmt::format("its headers claim more than a recording has{}", line.empty() ? line : " (" + line + ")"));
}

std::unexpected<Error> TooSlow() {
  return Fail(Code::kTooLarge, "the audio takes longer to decode than its length is worth",
              "Convert it to WAV, MP3 or FLAC, or cut it into shorter pieces.");
}

std::unexpected<Error> Stopped() {
  return Fail(Code::kCancelled, "decoding was stopped", "Send the file again if it is still wanted.");
}

// Every audio decoder by name: with it FFmpeg will not run a video decoder on a file's pictures just to learn their size.
const std::string& AudioDecoders() {
  static const std::string names = [] {
    std::string list;
    void* cursor = nullptr;
    while (const AVCodec* codec = av_codec_iterate(&cursor)) {
      if (av_codec_is_decoder(codec) == 0 || codec->type != AVMEDIA_TYPE_AUDIO) continue;
      if (!list.empty()) list += ',';
      list += codec->name;
    }
    return list;
  }();
  return names;
}

// The file in memory, as FFmpeg reads it.
class Source {
 public:
  Source(std::string_view bytes, const std::stop_token& stop)
      : bytes_(bytes), stop_(stop), time_(kTimeAtLeast + kTimePerMb * static_cast<double>(bytes.size()) / (1 << 20)) {}

  static int Read(void* self, std::uint8_t* target, int size) {
    auto& source = *static_cast<Source*>(self);
    if (Interrupted(self) != 0) return AVERROR_EXIT;
    const std::string_view part = source.bytes_.substr(source.position_, static_cast<std::size_t>(size));
    if (part.empty()) return AVERROR_EOF;
    std::memcpy(target, part.data(), part.size());
    source.position_ += part.size();
    return static_cast<int>(part.size());
  }

  static std::int64_t Seek(void* self, std::int64_t offset, int whence) {
    auto& source = *static_cast<Source*>(self);
    const auto size = static_cast<std::int64_t>(source.bytes_.size());
    if ((whence & AVSEEK_SIZE) != 0) return size;
    whence &= ~AVSEEK_FORCE;
    const std::int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? static_cast<std::int64_t>(source.position_) : size;
    std::int64_t target = 0;
    if (__builtin_add_overflow(base, offset, &target) || target < 0 || target > size) return AVERROR(EINVAL);
    source.position_ = static_cast<std::size_t>(target);
    return target;
  }

  static int Interrupted(void* self) {
    const auto& source = *static_cast<Source*>(self);
    return source.stop_.stop_requested() || source.late() ? 1 : 0;
  }

  // Sound that came out earns time for what is left.
  void Earn(double seconds) { time_ += kTimePerSecond * seconds; }
  [[nodiscard]] bool late() const { return Spent() - begin_ > time_; }
  // Between two reads, which may be on two threads: the clock is a thread's own.
  void Pause() { time_ -= Spent() - begin_; }
  void Resume() { begin_ = Spent(); }

 private:
  static double Spent() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  }

  const std::string_view bytes_;
  const std::stop_token& stop_;
  double begin_ = Spent();
  double time_;
  std::size_t position_ = 0;
};

// A file that names other files or addresses gets none of them.
int RefuseToOpen(AVFormatContext* /*context*/, AVIOContext** io, const char* /*url*/, int /*flags*/, AVDictionary** /*options*/) {
  *io = nullptr;
  return AVERROR(EACCES);
}

class FileDecoder : public Decoder {
 public:
  // `keep` is what `bytes` are part of, if somebody has to keep it.
  FileDecoder(std::string_view bytes, std::shared_ptr<const std::string> keep, const DecodeOptions& options, std::stop_token stop)
      : keep_(std::move(keep)), options_(options), stop_(std::move(stop)), source_(bytes, stop_) {}

  Result<std::vector<std::int16_t>> Read(std::size_t most) override {
    ForgetLines();
    source_.Resume();
    auto filled = Fill(most);
    source_.Pause();
    if (!filled) return Fail(std::move(filled).error());
    if (samples_.size() <= most) return std::exchange(samples_, {});
    const auto end = samples_.begin() + static_cast<std::ptrdiff_t>(most);
    std::vector<std::int16_t> piece(samples_.begin(), end);
    samples_.erase(samples_.begin(), end);
    return piece;
  }

 private:
  Result<> Fill(std::size_t most) {
    if (file_ == nullptr) {
      HOSTLER_OK(OpenContainer());
      HOSTLER_OK(OpenStream());
    }
    while (!ended_ && samples_.size() < most) HOSTLER_OK(ReadPacket());
    return {};
  }

  [[nodiscard]] std::string Complaint() const {
    if (odd_.sample_rate != 0)
      return fmt::format(" ({} Hz and {} channels; {} to {} Hz and {} channels at most are read)", odd_.sample_rate,
                         odd_.channels, kMinSampleRate, kMaxSampleRate, kMostChannels);
    const std::string line = LastLine();
    return line.empty() ? line : fmt::format(" ({})", line);
  }

  Result<> OpenContainer() {
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(kIoBuffer));
    io_.reset(buffer == nullptr ? nullptr
                                : avio_alloc_context(buffer, kIoBuffer, 0, &source_, Source::Read, nullptr, Source::Seek));
    AVFormatContext* raw = avformat_alloc_context();
    if (io_ == nullptr || raw == nullptr) {
      avformat_free_context(raw);
      return Fault("decode", AVERROR(ENOMEM));
    }
    raw->pb = io_.get();
    raw->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_IGNIDX;  // nobody seeks, and building an index can take hours
    raw->max_streams = kMostStreams;
    raw->io_open = RefuseToOpen;
    raw->interrupt_callback = {Source::Interrupted, &source_};
    Dictionary settings;
    settings.Set("format_whitelist", kContainers);
    settings.Set("protocol_whitelist", "none");
    settings.Set("codec_whitelist", AudioDecoders().c_str());
    int error = avformat_open_input(&raw, nullptr, nullptr, settings.address());  // frees `raw` when it fails
    file_.reset(raw);
    HOSTLER_OK(MayGoOn());
    if (error < 0) return Unopened(error);
    for (unsigned i = 0; i < file_->nb_streams; ++i) {
      if (file_->streams[i]->codecpar->codec_type != AVMEDIA_TYPE_AUDIO) file_->streams[i]->discard = AVDISCARD_ALL;
    }
    error = avformat_find_stream_info(file_.get(), nullptr);
    HOSTLER_OK(MayGoOn());
    if (error < 0) return Unopened(error);
    return {};
  }

  Result<> OpenStream() {
    const AVCodec* codec = nullptr;
    stream_index_ = av_find_best_stream(file_.get(), AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (stream_index_ == AVERROR_STREAM_NOT_FOUND) return Unreadable("there is no sound in it");
    if (stream_index_ < 0 || codec == nullptr) return Unreadable("this build has no decoder for its sound");
    for (unsigned i = 0; i < file_->nb_streams; ++i) {
      if (static_cast<int>(i) != stream_index_) file_->streams[i]->discard = AVDISCARD_ALL;
    }
    const AVStream* stream = file_->streams[stream_index_];
    codec_.reset(avcodec_alloc_context3(codec));
    packet_.reset(av_packet_alloc());
    frame_.reset(av_frame_alloc());
    if (codec_ == nullptr || packet_ == nullptr || frame_ == nullptr) return Fault("decode", AVERROR(ENOMEM));
    int error = avcodec_parameters_to_context(codec_.get(), stream->codecpar);
    codec_->pkt_timebase = stream->time_base;
    codec_->thread_count = 1;
    if (error >= 0) error = avcodec_open2(codec_.get(), codec, nullptr);
    if (error < 0) return Unreadable(Reason(error));
    return {};
  }

  Result<> ReadPacket() {
    HOSTLER_OK(MayGoOn());
    const int error = av_read_frame(file_.get(), packet_.get());
    if (error == AVERROR(EAGAIN)) return {};
    if (error < 0) return End();  // or broken from here on: what came before counts
    if (packet_->stream_index == stream_index_) HOSTLER_OK(DecodePacket(packet_.get()));
    av_packet_unref(packet_.get());
    return {};
  }

  Result<> End() {
    ended_ = true;
    HOSTLER_OK(MayGoOn());
    HOSTLER_OK(DecodePacket(nullptr));
    HOSTLER_OK(FlushResampler());
    if (good_ == 0) return Unreadable(fmt::format("nothing in it can be decoded{}", Complaint()));
    if (bad_ > good_) return Unreadable(fmt::format("{} of {} parts are broken{}", bad_, bad_ + good_, Complaint()));
    return {};
  }

  [[nodiscard]] Result<> MayGoOn() const {
    if (stop_.stop_requested()) return Stopped();
    if (source_.late()) return TooSlow();
    return {};
  }

  // nullptr: the end. A packet that cannot be decoded is counted and passed over.
  Result<> DecodePacket(const AVPacket* packet) {
    const int sent = avcodec_send_packet(codec_.get(), packet);
    if (sent < 0) {
      if (packet != nullptr) ++bad_;
      return {};
    }
    for (;;) {
      const int error = avcodec_receive_frame(codec_.get(), frame_.get());
      if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return {};
      if (error < 0) {
        ++bad_;
        return {};
      }
      HOSTLER_OK(TakeFrame());
      av_frame_unref(frame_.get());
    }
  }

  Result<> TakeFrame() {
    const Shape shape{frame_->sample_rate, frame_->ch_layout.nb_channels, static_cast<AVSampleFormat>(frame_->format)};
    if (shape.sample_rate < kMinSampleRate || shape.sample_rate > kMaxSampleRate || shape.channels <= 0 ||
        shape.channels > kMostChannels || frame_->nb_samples <= 0) {
      odd_ = shape;
      ++bad_;
      return {};
    }
    if (resampler_ == nullptr || !SameShape(shape)) {  // some streams change in the middle
      HOSTLER_OK(FlushResampler());
      const bool usual = frame_->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC;
      auto created = Resampler::Create(shape, {options_.sample_rate, options_.channels, AV_SAMPLE_FMT_S16},
                                       usual ? nullptr : &frame_->ch_layout);
      if (!created) return Unreadable(created.error().message);
      resampler_ = std::make_unique<Resampler>(std::move(*created));
      shape_ = shape;
    }
    ++good_;
    const auto [skip, count] = WantedPart(*frame_);
    if (count <= 0) return {};
    return Resample(shape, skip, count);
  }

  // Piece by piece: one frame may hold the whole file, and be forty times as large at the wanted rate.
  Result<> Resample(const Shape& shape, int skip, int count) {
    std::array<const std::uint8_t*, kMostChannels> planes{};
    const bool planar = av_sample_fmt_is_planar(shape.format) != 0;
    const int step = av_get_bytes_per_sample(shape.format) * (planar ? 1 : shape.channels);
    for (const int end = skip + count; skip < end; skip += kBlock) {
      for (int i = 0; i < (planar ? shape.channels : 1); ++i)
        planes[static_cast<std::size_t>(i)] = frame_->extended_data[i] + static_cast<std::ptrdiff_t>(skip) * step;
      HOSTLER_TRY(const AVFrame* converted, resampler_->Convert(planes.data(), std::min(kBlock, end - skip)));
      HOSTLER_OK(Append(*converted));
    }
    return {};
  }

  struct Part {
    int skip = 0;
    int count = 0;
  };
  // MP4 says what the encoder added at both ends. FFmpeg cuts that off unless the file is fragmented, as ours are: then
  // time begins below 0 (the edit list), and the track's length ends within the last frame.
  [[nodiscard]] Part WantedPart(const AVFrame& frame) const {
    Part part{0, frame.nb_samples};
    const AVStream& stream = *file_->streams[stream_index_];
    const bool mp4 = std::strstr(file_->iformat->name, "mp4") != nullptr;
    if (!mp4 || stream.start_time == AV_NOPTS_VALUE || stream.start_time >= 0 || frame.pts == AV_NOPTS_VALUE) return part;
    const auto in_samples = [&](std::int64_t ticks) {
      return av_rescale_q(ticks, stream.time_base, AVRational{1, frame.sample_rate});
    };
    // The file says these times, and may say any.
    const std::int64_t left = in_samples(av_sat_sub64(av_sat_add64(stream.start_time, stream.duration), frame.pts));
    if (stream.duration > 0 && left > 0) part.count = static_cast<int>(std::min<std::int64_t>(part.count, left));
    if (frame.pts < 0)
      part.skip = static_cast<int>(std::clamp<std::int64_t>(in_samples(av_sat_sub64(0, frame.pts)), 0, part.count));
    part.count -= part.skip;
    return part;
  }

  [[nodiscard]] bool SameShape(const Shape& other) const {
    return shape_.sample_rate == other.sample_rate && shape_.channels == other.channels && shape_.format == other.format;
  }

  Result<> FlushResampler() {
    if (resampler_ == nullptr) return {};
    HOSTLER_TRY(const AVFrame* rest, resampler_->Flush());
    HOSTLER_OK(Append(*rest));
    resampler_.reset();
    return {};
  }

  Result<> Append(const AVFrame& frame) {
    const auto channels = static_cast<std::size_t>(options_.channels);
    const auto count = static_cast<std::size_t>(frame.nb_samples) * channels;
    frames_ += static_cast<std::uint64_t>(frame.nb_samples);
    if (static_cast<double>(frames_) / options_.sample_rate > options_.max_seconds) {
      return Fail(Code::kTooLarge, fmt::format("the audio is longer than {:.0f} seconds", options_.max_seconds),
                  "Cut it into shorter pieces.");
    }
    const auto* samples = reinterpret_cast<const std::int16_t*>(frame.extended_data[0]);
    samples_.insert(samples_.end(), samples, samples + count);
    source_.Earn(static_cast<double>(frame.nb_samples) / options_.sample_rate);
    return {};
  }

  const std::shared_ptr<const std::string> keep_;
  const DecodeOptions options_;
  const std::stop_token stop_;
  Source source_;
  Io io_;
  Demuxer file_;
  Codec codec_;
  Packet packet_;
  Frame frame_;
  Shape shape_;  // of what resampler_ takes
  Shape odd_;    // of the last frame that was passed over for its shape
  std::unique_ptr<Resampler> resampler_;
  int stream_index_ = -1;
  std::size_t good_ = 0;  // frames
  std::size_t bad_ = 0;   // packets
  bool ended_ = false;
  std::uint64_t frames_ = 0;  // at the wanted rate, in all
  std::vector<std::int16_t> samples_;
};

}  // namespace

Result<Audio> Decode(std::string_view bytes, const DecodeOptions& options, const std::stop_token& stop) {
  Audio audio{options.sample_rate, options.channels, {}};
  HOSTLER_TRY(audio.samples, FileDecoder(bytes, nullptr, options, stop).Read(std::numeric_limits<std::size_t>::max()));
  return audio;
}

Result<std::unique_ptr<Decoder>> OpenDecoder(std::shared_ptr<const std::string> bytes, const DecodeOptions& options,
                                             std::stop_token stop) {
  const std::string_view view(*bytes);
  return std::make_unique<FileDecoder>(view, std::move(bytes), options, std::move(stop));
}

Result<Audio> Resample(const Audio& audio, int sample_rate, int channels) {
  ForgetLines();
  HOSTLER_TRY(Resampler resampler, Resampler::Create({audio.sample_rate, audio.channels, AV_SAMPLE_FMT_S16},
                                                     {sample_rate, channels, AV_SAMPLE_FMT_S16}));
  Audio result{.sample_rate = sample_rate, .channels = channels, .samples = {}};
  const auto append = [&](const AVFrame& frame) {
    const auto* samples = reinterpret_cast<const std::int16_t*>(frame.extended_data[0]);
    result.samples.insert(result.samples.end(), samples, samples + static_cast<std::ptrdiff_t>(frame.nb_samples) * channels);
  };
  const auto from = static_cast<std::size_t>(audio.channels);
  for (std::span<const std::int16_t> rest(audio.samples); rest.size() >= from;) {
    const auto block = rest.first(std::min(rest.size() / from * from, kBlock * from));
    rest = rest.subspan(block.size());
    const auto* data = reinterpret_cast<const std::uint8_t*>(block.data());
    HOSTLER_TRY(const AVFrame* frame, resampler.Convert(&data, static_cast<int>(block.size() / from)));
    append(*frame);
  }
  HOSTLER_TRY(const AVFrame* frame, resampler.Flush());
  append(*frame);
  return result;
}

}  // namespace hostler::media::av
