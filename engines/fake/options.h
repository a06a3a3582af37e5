// How the fake engine misbehaves: README.md explains each of these.
//
// Plain values; any thread.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace hostler::fake {

struct Options {
  // loading
  std::optional<int> load_ms;
  std::optional<std::string> load_fail;
  std::optional<int> load_crash;  // signal
  std::optional<bool> load_hang;
  std::optional<int> memory_mb;
  std::optional<bool> spawn_helper;
  // speaking
  std::optional<int> sample_rate;
  std::optional<int> chunks;
  std::optional<int> chunk_ms;
  std::optional<int> chunk_samples;
  std::optional<int> parallel;
  std::optional<int> fail_at_chunk;
  std::optional<int> crash_at_chunk;
  std::optional<int> abort_at_chunk;
  std::optional<int> exit_at_chunk;
  std::optional<int> stall_at_chunk;
  std::optional<bool> stall_hard;
  std::optional<int> stamped_segments;
  std::optional<int> silence_ms;
  std::optional<bool> blends;
  std::optional<std::string> cannot;
  std::optional<bool> instant;
  std::optional<int> leak_mb_per_request;
  // reading texts
  std::optional<int> batch;
  std::optional<int> dimension;
  std::optional<int> context_length;
  std::optional<bool> probabilities;
  // around it
  std::optional<std::string>
      garbage_answer;  // a route: health, models, load, unload, voices, capabilities, generate, transcribe, logs
  std::optional<std::string> garbage_kind;  // json, html, empty, truncated, status
  std::optional<bool> raw_garbage;          // HOSTLER_FAKE only: no HTTP at all
  std::optional<int> slow_health_ms;
  std::optional<int> babble_stdout;  // bytes
  std::optional<int> babble_stderr;  // lines
  std::optional<int> babble_log;     // lines
  std::optional<bool> ignore_sigterm;
  std::optional<int> startup_exit;  // HOSTLER_FAKE only: status
};
BOOST_DESCRIBE_STRUCT(Options, (),
                      (load_ms, load_fail, load_crash, load_hang, memory_mb, spawn_helper, sample_rate, chunks, chunk_ms,
                       chunk_samples, parallel, fail_at_chunk, crash_at_chunk, abort_at_chunk, exit_at_chunk, stall_at_chunk,
                       stall_hard, stamped_segments, silence_ms, blends, cannot, instant, leak_mb_per_request, batch, dimension,
                       context_length, probabilities, garbage_answer, garbage_kind, raw_garbage, slow_health_ms, babble_stdout,
                       babble_stderr, babble_log, ignore_sigterm, startup_exit))

}  // namespace hostler::fake
