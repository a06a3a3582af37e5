// What llama-server says, read: its log on standard error, the states that it reports on standard output, its errors.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "log/log.h"
#include "wire/wire.h"

namespace hostler::engines {

struct LlamaLine {
  log::Level level = log::Level::kInfo;
  std::string_view text;
};
// `0.00.051.086 I srv  llama_server: initializing ...`; nullopt: a line of another form, which a library printed.
[[nodiscard]] std::optional<LlamaLine> ReadLlamaLine(std::string_view line);

// A state on its way to ready.
struct LlamaState {
  bool ready = false;
  wire::LoadProgress progress;  // if not ready
  int dimension = 0;            // if ready: of its vectors
  int context = 0;              // … tokens of one request
};
// `cmd_child_to_router:state:{…}`; nullopt: something else.
[[nodiscard]] std::optional<LlamaState> ReadLlamaState(std::string_view line);

// Why it ended while it loaded, by the last lines of its standard error: the first error is the cause, the others follow from it.
// nullopt: it said nothing.
[[nodiscard]] std::optional<Error> ReadLlamaRefusal(std::span<const std::string> lines, const std::string& model);

// What an answer of 400 and more means. A text that is too long is kInvalid named `input_too_long` or `context_length_exceeded`.
[[nodiscard]] Error ReadLlamaError(unsigned status, std::string_view body);

// The two numbers of a message about a text that is too long: the engine's own, or that of the error made of it.
struct TooLong {
  int tokens = 0;
  int limit = 0;
};
[[nodiscard]] std::optional<TooLong> ReadTooLong(std::string_view message);

}  // namespace hostler::engines
