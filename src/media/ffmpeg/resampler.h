// Rate, channels and sample format changed as the samples come; lengths are exact.
//
// Owner: an encoder or a decoder. Threads: one at a time.
#pragma once

#include <cstdint>

#include "media/ffmpeg/av.h"

namespace hostler::media::av {

struct Shape {
  int sample_rate = 0;
  int channels = 0;
  AVSampleFormat format = AV_SAMPLE_FMT_S16;
};

class Resampler {
 public:
  // `layout` of what comes in; nullptr: the usual one for its channels.
  [[nodiscard]] static Result<Resampler> Create(const Shape& in, const Shape& out, const AVChannelLayout* layout = nullptr);

  // The frame is valid until the next call, and may be empty.
  [[nodiscard]] Result<const AVFrame*> Convert(const std::uint8_t* const* data, int frames);
  // What the filter still holds, so that in all round(in * rate / rate) frames came out.
  [[nodiscard]] Result<const AVFrame*> Flush();

  [[nodiscard]] const Shape& out() const { return out_; }

 private:
  Resampler(const Shape& in, const Shape& out, Swr swr, Frame frame)
      : in_(in), out_(out), swr_(std::move(swr)), frame_(std::move(frame)) {}
  Result<> Reserve(int frames);

  Shape in_;
  Shape out_;
  Swr swr_;
  Frame frame_;
  int capacity_ = 0;  // frames that frame_ has room for
  std::int64_t frames_in_ = 0;
  std::int64_t frames_out_ = 0;
};

}  // namespace hostler::media::av
