// Time to the first byte of audio, with and without hostler, in turns: what the first_audio programs share.
//
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace bench {

// What one program measures.
struct FirstByte {
  std::string what;  // "first audio of espeak"
  const char* host;  // where hostler listens
  const char* port;
  std::string route;                // that is asked by POST
  std::string body;                 // JSON
  std::function<double()> library;  // one call of the library alone, in this process: milliseconds to its first audio
};

// Prints medians of 60 turns, and the difference. Returns the exit status.
int Compare(const FirstByte& measured);

[[nodiscard]] double MillisecondsSince(std::int64_t begin_ns);
[[nodiscard]] std::int64_t NowNs();  // steady clock

}  // namespace bench
