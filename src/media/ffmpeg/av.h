// FFmpeg's objects with owners, and its errors as ours.
//
// Threads: each object one thread at a time; LastLine() is of the calling thread.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dict.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <memory>
#include <string>

#include "base/result.h"

namespace hostler::media::av {

// Adapts FFmpeg's `free(T**)`.
template <auto free_function>
struct FreeByAddress {
  template <class T>
  void operator()(T* object) const {
    free_function(&object);
  }
};

struct FreeIo {
  void operator()(AVIOContext* io) const {
    av_freep(&io->buffer);  // it may be another buffer than the one that was handed over
    avio_context_free(&io);
  }
};

struct FreeFifo {
  void operator()(AVAudioFifo* fifo) const { av_audio_fifo_free(fifo); }
};

struct FreeMuxer {
  void operator()(AVFormatContext* muxer) const { avformat_free_context(muxer); }
};

using Codec = std::unique_ptr<AVCodecContext, FreeByAddress<avcodec_free_context>>;
using Frame = std::unique_ptr<AVFrame, FreeByAddress<av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, FreeByAddress<av_packet_free>>;
using Swr = std::unique_ptr<SwrContext, FreeByAddress<swr_free>>;
using Fifo = std::unique_ptr<AVAudioFifo, FreeFifo>;
using Io = std::unique_ptr<AVIOContext, FreeIo>;
using Muxer = std::unique_ptr<AVFormatContext, FreeMuxer>;
using Demuxer = std::unique_ptr<AVFormatContext, FreeByAddress<avformat_close_input>>;

class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }
  void Set(const char* key, const char* value) { av_dict_set(&entries_, key, value, 0); }
  [[nodiscard]] AVDictionary** address() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

// The usual layout of so many channels.
class Layout {
 public:
  explicit Layout(int channels) { av_channel_layout_default(&layout_, channels); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  ~Layout() { av_channel_layout_uninit(&layout_); }
  [[nodiscard]] AVChannelLayout* get() { return &layout_; }

 private:
  AVChannelLayout layout_{};
};

// From here on FFmpeg prints nothing; the last complaint of each thread is kept instead.
void CaptureLog();
void ForgetLines();
[[nodiscard]] std::string LastLine();

// FFmpeg's name for `error`, and its last complaint if there is one: "Invalid data found (moov atom not found)".
[[nodiscard]] std::string Reason(int error);

// kInternal: a failure that is not the input's fault.
[[nodiscard]] std::unexpected<Error> Fault(std::string_view what, int error);

}  // namespace hostler::media::av
