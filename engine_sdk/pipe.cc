#include "engine_sdk/pipe.h"

#include <bit>

namespace hostler::engine_sdk {

static_assert(std::endian::native == std::endian::little, "PCM is sent as it lies in memory: s16le");

Task<> Rung(events::Bell& bell, std::uint64_t seen) {
  OneShot<bool> rung(co_await boost::asio::this_coro::executor);
  bell.Notify(seen, rung.promise());
  (void)co_await rung.Wait();
}

void Pipe::Begin(AudioFormat format) {
  const std::lock_guard lock(mutex_);
  format_ = format;
}

bool Pipe::Write(std::string_view bytes, const std::stop_token& stop) {
  while (!bytes.empty()) {
    {
      std::unique_lock lock(mutex_);
      if (!room_.wait(lock, stop, [&] { return bytes_.size() < kRoom; })) return false;
      const std::size_t part = std::min(bytes.size(), kRoom - bytes_.size());
      bytes_.append(bytes.substr(0, part));
      bytes.remove_prefix(part);
    }
    bell_.Ring();
  }
  return !stop.stop_requested();
}

void Pipe::Close(Result<> result) {
  {
    const std::lock_guard lock(mutex_);
    if (end_) return;
    end_.emplace(std::move(result));
  }
  bell_.Ring();
}

Task<Pipe::Piece> Pipe::Read() {
  for (;;) {
    const std::uint64_t seen = bell_.count();
    {
      Piece piece;
      const std::lock_guard lock(mutex_);
      if (!bytes_.empty() || end_) {
        piece.bytes.swap(bytes_);
        piece.end = end_;
        room_.notify_all();
        co_return piece;
      }
    }
    co_await Rung(bell_, seen);
  }
}

std::optional<AudioFormat> Pipe::format() const {
  const std::lock_guard lock(mutex_);
  return format_;
}

bool PipeSink::Begin(int sample_rate, int channels) {
  format_ = {sample_rate, channels};
  pipe_.Begin(format_);
  return !stop_.stop_requested();
}

bool PipeSink::Write(std::span<const std::int16_t> samples) {
  samples_ += samples.size();
  return pipe_.Write({reinterpret_cast<const char*>(samples.data()), samples.size_bytes()}, stop_);
}

double PipeSink::seconds() const {
  if (format_.sample_rate <= 0 || format_.channels <= 0) return 0;
  return static_cast<double>(samples_) / format_.channels / format_.sample_rate;
}

}  // namespace hostler::engine_sdk
