// What one job makes, on its way from a worker thread to the coroutine that sends it: bounded, so a slow client slows the
// model down instead of filling memory, and the loop never waits on a thread.
//
// Owner: shared by the job and its request. Threads: Begin, Write, Close on the worker; Read on the request's loop.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine_sdk/engine.h"
#include "events/ring.h"

namespace hostler::engine_sdk {

// Returns once `bell` was rung after `seen`, an earlier value of its count().
[[nodiscard]] Task<> Rung(events::Bell& bell, std::uint64_t seen);

struct AudioFormat {
  int sample_rate = 0;  // Hz
  int channels = 0;
};

class Pipe {
 public:
  static constexpr std::size_t kRoom = 256 << 10;  // bytes that wait at most

  void Begin(AudioFormat format);
  // Waits for room. False: `stop` was requested, and nobody wants the rest.
  [[nodiscard]] bool Write(std::string_view bytes, const std::stop_token& stop);
  // The end, well or badly. Once.
  void Close(Result<> result);

  struct Piece {
    std::string bytes;            // what came since the last Read
    std::optional<Result<>> end;  // set when nothing more comes
  };
  // Returns once there is something. An error may come with bytes before it.
  [[nodiscard]] Task<Piece> Read();

  // Set before the first byte of audio.
  [[nodiscard]] std::optional<AudioFormat> format() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::string bytes_;
  std::optional<Result<>> end_;
  std::optional<AudioFormat> format_;
  events::Bell bell_;
};

// The sink that a model writes to.
class PipeSink : public AudioSink {
 public:
  PipeSink(Pipe& pipe, std::stop_token stop) : pipe_(pipe), stop_(std::move(stop)) {}
  [[nodiscard]] bool Begin(int sample_rate, int channels) override;
  [[nodiscard]] bool Write(std::span<const std::int16_t> samples) override;
  [[nodiscard]] double seconds() const;  // written so far

 private:
  Pipe& pipe_;
  const std::stop_token stop_;
  AudioFormat format_;
  std::uint64_t samples_ = 0;
};

}  // namespace hostler::engine_sdk
