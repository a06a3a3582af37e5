// A recording of any length on its way to an engine: decoded half an hour at a time and cut where it is quiet, so that memory
// stays bounded whatever is sent.
//
// Owner: a use case's coroutine. Threads: that coroutine's loop; decoding runs on the media pool.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "app/house.h"

namespace hostler::app {

struct Chapter {
  std::string wav;     // PCM s16le mono
  double start = 0;    // seconds, in the recording
  Budget::Hold share;  // of the memory for recordings
};

class Chapters {
 public:
  // `audio`: a whole file in any format FFmpeg reads. `rate` in Hz. What is longer than `most` seconds is kTooLarge: known where
  // it is reached.
  Chapters(House& house, std::shared_ptr<const std::string> audio, int rate, double most);
  ~Chapters();  // ends the decoding at its next packet
  Chapters(const Chapters&) = delete;
  Chapters& operator=(const Chapters&) = delete;

  // The next one, or nullopt after the last. There is always a first, even of a recording without sound.
  [[nodiscard]] Task<Result<std::optional<Chapter>>> Next();

 private:
  struct Reading;
  House& house_;
  std::stop_source stop_;
  const std::shared_ptr<Reading> reading_;
};

// All of it at once, for what cannot be done in parts. Of at most `most` seconds.
[[nodiscard]] Task<Result<Chapter>> WholeRecording(House& house, std::shared_ptr<const std::string> audio, int rate, double most);

}  // namespace hostler::app
