#include "media/ffmpeg/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "media/codec_module.h"
#include "media/ffmpeg/av.h"
#include "media/ffmpeg/resampler.h"

namespace hostler::media::av {
namespace {

constexpr int kBlock = 16384;  // frames converted at a time: bounds the memory of one big Push
constexpr int kIoBuffer = 4096;

struct Recipe {
  const char* muxer;
  const char* codec;
  int bit_rate;     // spec/voice.md section 4.1; 0: lossless
  int sample_rate;  // 0: that of the input, if the codec can
};

Result<Recipe> RecipeFor(Format format) {
  switch (format) {
    case Format::kMp3: return Recipe{"mp3", "libmp3lame", 128000, 0};
    case Format::kOpus: return Recipe{"ogg", "libopus", 64000, 48000};
    case Format::kAac: return Recipe{"adts", "aac", 128000, 0};
    case Format::kFlac: return Recipe{"flac", "flac", 0, 0};
    case Format::kM4a: return Recipe{"mp4", "aac", 128000, 0};
    case Format::kWav:
    case Format::kPcm: break;
  }
  return Fail(Code::kInternal, "this format is not encoded here", "This is a defect of hostler; please report it.");
}

int NearestRate(const AVCodec* codec, int wanted) {
  if (codec->supported_samplerates == nullptr) return wanted;
  int best = codec->supported_samplerates[0];
  for (const int* rate = codec->supported_samplerates; *rate != 0; ++rate) {
    if (std::abs(*rate - wanted) < std::abs(best - wanted)) best = *rate;
  }
  return best;
}

// 16 bits where the encoder takes them: our samples are no finer.
AVSampleFormat BestFormat(const AVCodec* codec) {
  for (const AVSampleFormat* format = codec->sample_fmts; *format != AV_SAMPLE_FMT_NONE; ++format) {
    if (av_get_packed_sample_fmt(*format) == AV_SAMPLE_FMT_S16) return *format;
  }
  return codec->sample_fmts[0];
}

Result<Codec> OpenCodec(const Recipe& recipe, const EncoderOptions& options, bool global_header) {
  const AVCodec* codec = avcodec_find_encoder_by_name(recipe.codec);
  if (codec == nullptr) {
    return Fail(Code::kUnsupported, fmt::format("this FFmpeg has no encoder {}", recipe.codec),
                fmt::format("Install a libavcodec with {}, or ask for another format (wav always works).", recipe.codec));
  }
  Codec context(avcodec_alloc_context3(codec));
  if (context == nullptr) return Fault("encode", AVERROR(ENOMEM));
  context->sample_rate = recipe.sample_rate != 0 ? recipe.sample_rate : NearestRate(codec, options.sample_rate);
  context->sample_fmt = BestFormat(codec);
  context->bit_rate = recipe.bit_rate;
  context->time_base = {1, context->sample_rate};
  context->thread_count = 1;
  context->flags |= AV_CODEC_FLAG_BITEXACT | (global_header ? AV_CODEC_FLAG_GLOBAL_HEADER : 0);
  if (codec->id == AV_CODEC_ID_FLAC) context->frame_size = std::clamp(context->sample_rate / 20, 256, 4608);  // 50 ms, not 200
  Layout layout(std::min(options.channels, 2));
  int error = av_channel_layout_copy(&context->ch_layout, layout.get());
  if (error >= 0) error = avcodec_open2(context.get(), codec, nullptr);
  if (error < 0) return Fault(fmt::format("encode with {}", recipe.codec), error);
  return context;
}

// Samples -> resampler -> queue -> codec frames -> packets -> container -> bytes_.
class StreamEncoder : public Encoder {
 public:
  static Result<std::unique_ptr<Encoder>> Create(const EncoderOptions& options) {
    HOSTLER_TRY(const Recipe recipe, RecipeFor(options.format));
    std::unique_ptr<StreamEncoder> encoder(new StreamEncoder);
    HOSTLER_OK(encoder->Open(recipe, options));
    return encoder;
  }

  Result<std::string> Push(std::span<const std::int16_t> samples) override {
    ForgetLines();
    const auto channels = static_cast<std::size_t>(channels_);
    if (samples.size() % channels != 0) return Fail(Code::kInvalid, "a frame of samples is incomplete", "Push whole frames.");
    while (!samples.empty()) {
      const auto block = samples.first(std::min(samples.size(), kBlock * channels));
      samples = samples.subspan(block.size());
      const auto* data = reinterpret_cast<const std::uint8_t*>(block.data());
      HOSTLER_TRY(const AVFrame* converted, resampler_->Convert(&data, static_cast<int>(block.size() / channels)));
      HOSTLER_OK(Queue(*converted));
      HOSTLER_OK(EncodeQueued(codec_->frame_size));
    }
    return TakeBytes();
  }

  Result<std::string> Finish() override {
    ForgetLines();
    HOSTLER_TRY(const AVFrame* rest, resampler_->Flush());
    HOSTLER_OK(Queue(*rest));
    if (position_ == 0 && av_audio_fifo_size(fifo_.get()) == 0) HOSTLER_OK(QueueSilence());
    HOSTLER_OK(EncodeQueued(codec_->frame_size));
    HOSTLER_OK(EncodeQueued(1));
    HOSTLER_OK(Send(nullptr));
    if (const int error = av_write_trailer(muxer_.get()); error < 0) return Fault("finish the file", error);
    return TakeBytes();
  }

 private:
  StreamEncoder() = default;

  static int Write(void* self, std::uint8_t* bytes, int size) {
    static_cast<StreamEncoder*>(self)->bytes_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    return size;
  }

  Result<> Open(const Recipe& recipe, const EncoderOptions& options) {
    channels_ = options.channels;
    AVFormatContext* raw = nullptr;
    if (const int error = avformat_alloc_output_context2(&raw, nullptr, recipe.muxer, nullptr); error < 0)
      return Fault("encode", error);
    muxer_.reset(raw);
    HOSTLER_TRY(codec_, OpenCodec(recipe, options, (muxer_->oformat->flags & AVFMT_GLOBALHEADER) != 0));
    HOSTLER_TRY(Resampler resampler, Resampler::Create({options.sample_rate, options.channels, AV_SAMPLE_FMT_S16},
                                                       {codec_->sample_rate, codec_->ch_layout.nb_channels, codec_->sample_fmt}));
    resampler_ = std::make_unique<Resampler>(std::move(resampler));
    fifo_.reset(av_audio_fifo_alloc(codec_->sample_fmt, codec_->ch_layout.nb_channels, codec_->frame_size));
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    if (fifo_ == nullptr || frame_ == nullptr || packet_ == nullptr) return Fault("encode", AVERROR(ENOMEM));
    return OpenContainer();
  }

  Result<> OpenContainer() {
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(kIoBuffer));
    io_.reset(buffer == nullptr ? nullptr : avio_alloc_context(buffer, kIoBuffer, 1, this, nullptr, Write, nullptr));
    stream_ = avformat_new_stream(muxer_.get(), nullptr);
    if (io_ == nullptr || stream_ == nullptr) return Fault("encode", AVERROR(ENOMEM));
    io_->seekable = 0;
    muxer_->pb = io_.get();
    muxer_->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FLUSH_PACKETS | AVFMT_FLAG_BITEXACT;
    muxer_->metadata_header_padding = 0;  // FLAC: else 8 KB of nothing come first
    stream_->time_base = codec_->time_base;
    int error = avcodec_parameters_from_context(stream_->codecpar, codec_.get());
    Dictionary settings;
    // A fragment each quarter of a second; the head waits for the first, to tell the encoder's delay in its edit list.
    settings.Set("movflags", "empty_moov+delay_moov+default_base_moof");
    settings.Set("frag_duration", "250000");
    settings.Set("page_duration", "20000");  // Ogg, µs
    if (error >= 0) error = avformat_write_header(muxer_.get(), settings.address());
    if (error < 0) return Fault("begin the file", error);
    return {};
  }

  Result<> Queue(const AVFrame& frame) {
    if (frame.nb_samples == 0) return {};
    const int error = av_audio_fifo_write(fifo_.get(), reinterpret_cast<void**>(frame.extended_data), frame.nb_samples);
    if (error < 0) return Fault("encode", error);
    return {};
  }

  // No sound at all would make files that players call broken: a frame of silence stands in.
  Result<> QueueSilence() {
    HOSTLER_OK(PrepareFrame(codec_->frame_size));
    av_samples_set_silence(frame_->extended_data, 0, frame_->nb_samples, codec_->ch_layout.nb_channels, codec_->sample_fmt);
    return Queue(*frame_);
  }

  Result<> PrepareFrame(int frames) {
    av_frame_unref(frame_.get());
    frame_->nb_samples = frames;
    frame_->format = codec_->sample_fmt;
    frame_->sample_rate = codec_->sample_rate;
    int error = av_channel_layout_copy(&frame_->ch_layout, &codec_->ch_layout);
    if (error >= 0) error = av_frame_get_buffer(frame_.get(), 0);
    if (error < 0) return Fault("encode", error);
    return {};
  }

  // Encodes while at least `least` frames wait.
  Result<> EncodeQueued(int least) {
    while (av_audio_fifo_size(fifo_.get()) >= least) {
      HOSTLER_OK(PrepareFrame(std::min(av_audio_fifo_size(fifo_.get()), codec_->frame_size)));
      const int got = av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(frame_->extended_data), frame_->nb_samples);
      if (got < 0) return Fault("encode", got);
      frame_->pts = position_;
      position_ += frame_->nb_samples;
      HOSTLER_OK(Send(frame_.get()));
    }
    return {};
  }

  // nullptr: the end.
  Result<> Send(const AVFrame* frame) {
    int error = avcodec_send_frame(codec_.get(), frame);
    while (error >= 0) {
      error = avcodec_receive_packet(codec_.get(), packet_.get());
      if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return {};
      if (error < 0) break;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      error = av_write_frame(muxer_.get(), packet_.get());
      av_packet_unref(packet_.get());
    }
    return Fault("encode", error);
  }

  Result<std::string> TakeBytes() {
    avio_flush(io_.get());
    return std::exchange(bytes_, {});
  }

  int channels_ = 1;  // of what comes in
  std::string bytes_;
  Io io_;
  Muxer muxer_;
  AVStream* stream_ = nullptr;  // muxer_'s
  Codec codec_;
  std::unique_ptr<Resampler> resampler_;
  Fifo fifo_;
  Frame frame_;
  Packet packet_;
  std::int64_t position_ = 0;  // frames sent
};

// PCM that needs another rate or fewer channels.
class PcmEncoder : public Encoder {
 public:
  PcmEncoder(Resampler resampler, int channels)
      : resampler_(std::move(resampler)), channels_(static_cast<std::size_t>(channels)) {}

  Result<std::string> Push(std::span<const std::int16_t> samples) override {
    if (samples.size() % channels_ != 0) return Fail(Code::kInvalid, "a frame of samples is incomplete", "Push whole frames.");
    std::string bytes;
    while (!samples.empty()) {
      const auto block = samples.first(std::min(samples.size(), kBlock * channels_));
      samples = samples.subspan(block.size());
      const auto* data = reinterpret_cast<const std::uint8_t*>(block.data());
      HOSTLER_TRY(const AVFrame* frame, resampler_.Convert(&data, static_cast<int>(block.size() / channels_)));
      Append(bytes, *frame);
    }
    return bytes;
  }

  Result<std::string> Finish() override {
    HOSTLER_TRY(const AVFrame* frame, resampler_.Flush());
    std::string bytes;
    Append(bytes, *frame);
    return bytes;
  }

 private:
  static void Append(std::string& bytes, const AVFrame& frame) {
    bytes.append(reinterpret_cast<const char*>(frame.extended_data[0]), static_cast<std::size_t>(frame.nb_samples) * 2);
  }

  Resampler resampler_;
  const std::size_t channels_;
};

}  // namespace

Result<std::unique_ptr<Encoder>> MakeEncoder(const EncoderOptions& options) {
  ForgetLines();
  if (options.format != Format::kPcm) return StreamEncoder::Create(options);
  HOSTLER_TRY(Resampler resampler, Resampler::Create({options.sample_rate, options.channels, AV_SAMPLE_FMT_S16},
                                                     {kPcmSampleRate, 1, AV_SAMPLE_FMT_S16}));
  return std::make_unique<PcmEncoder>(std::move(resampler), options.channels);
}

}  // namespace hostler::media::av
