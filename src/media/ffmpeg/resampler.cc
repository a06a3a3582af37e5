#include "media/ffmpeg/resampler.h"

#include <array>

namespace hostler::media::av {
namespace {

// FFmpeg's own choice would make mono 3 dB quieter in each of two channels.
int SetMatrix(SwrContext* swr, int from, int to) {
  constexpr std::array<double, 2> kSpread = {1, 1};
  constexpr std::array<double, 2> kMix = {0.5, 0.5};
  if (from == 1 && to == 2) return swr_set_matrix(swr, kSpread.data(), 1);
  if (from == 2 && to == 1) return swr_set_matrix(swr, kMix.data(), 2);
  return av_opt_set_double(swr, "rematrix_maxval", 1.0, 0);  // no mix may clip
}

}  // namespace

Result<Resampler> Resampler::Create(const Shape& in, const Shape& out, const AVChannelLayout* layout) {
  Layout usual(in.channels);
  Layout wanted(out.channels);
  // FFmpeg 5 lacks the const that FFmpeg 6 has.
  auto* from = layout != nullptr ? const_cast<AVChannelLayout*>(layout) : usual.get();
  SwrContext* raw = nullptr;
  int error = swr_alloc_set_opts2(&raw, wanted.get(), out.format, out.sample_rate, from, in.format, in.sample_rate, 0, nullptr);
  Swr swr(raw);
  if (error >= 0 && in.sample_rate != out.sample_rate)
    error = av_opt_set_int(swr.get(), "internal_sample_fmt", AV_SAMPLE_FMT_FLTP, 0);
  if (error >= 0) error = SetMatrix(swr.get(), in.channels, out.channels);
  if (error >= 0) error = swr_init(swr.get());
  Frame frame(av_frame_alloc());
  if (error >= 0 && frame == nullptr) error = AVERROR(ENOMEM);
  if (error < 0) return Fault("resample", error);
  return Resampler(in, out, std::move(swr), std::move(frame));
}

Result<> Resampler::Reserve(int frames) {
  if (frames > capacity_) {
    av_frame_unref(frame_.get());
    capacity_ = 0;
    Layout layout(out_.channels);
    frame_->format = out_.format;
    frame_->sample_rate = out_.sample_rate;
    frame_->nb_samples = frames;
    int error = av_channel_layout_copy(&frame_->ch_layout, layout.get());
    if (error >= 0) error = av_frame_get_buffer(frame_.get(), 0);
    if (error < 0) return Fault("resample", error);
    capacity_ = frames;
  }
  frame_->nb_samples = 0;
  return {};
}

Result<const AVFrame*> Resampler::Convert(const std::uint8_t* const* data, int frames) {
  const int most = swr_get_out_samples(swr_.get(), frames);
  if (most < 0) return Fault("resample", most);
  HOSTLER_OK(Reserve(most + 1));
  // FFmpeg does not write there; the type is history.
  const int made = swr_convert(swr_.get(), frame_->extended_data, capacity_, const_cast<const std::uint8_t**>(data), frames);
  if (made < 0) return Fault("resample", made);
  frames_in_ += frames;
  frames_out_ += made;
  frame_->nb_samples = made;
  return frame_.get();
}

Result<const AVFrame*> Resampler::Flush() {
  const std::int64_t all = av_rescale(frames_in_, out_.sample_rate, in_.sample_rate);
  const int left = static_cast<int>(std::max<std::int64_t>(0, all - frames_out_));
  HOSTLER_OK(Reserve(left + 1));
  av_samples_set_silence(frame_->extended_data, 0, left, out_.channels, out_.format);  // should the filter hold less
  const int made = swr_convert(swr_.get(), frame_->extended_data, left, nullptr, 0);
  if (made < 0) return Fault("resample", made);
  frames_out_ += left;
  frame_->nb_samples = left;
  return frame_.get();
}

}  // namespace hostler::media::av
