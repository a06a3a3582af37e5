// Where a use case's bytes go; the door implements it over its connection.
//
// Threads: the caller's loop. Both calls wait for the client (back pressure) and unwind when it is gone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"

namespace hostler::app {

struct Stream {
  std::string content_type;
  std::optional<std::uint64_t> length;  // if it is known
  std::string model;                    // who speaks
  std::string voice;                    // empty: the model's own
  int sample_rate = 0;                  // Hz, of raw PCM
  int channels = 0;
  std::vector<std::string> ignored;  // fields of the request that this model has no use for
};

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Once, before the first bytes; after it an error can only cut the stream.
  [[nodiscard]] virtual Task<> Begin(const Stream& stream) = 0;
  [[nodiscard]] virtual Task<> Write(std::string_view bytes) = 0;
};

}  // namespace hostler::app
