// The exit codes of the command line. docs/cli.md and --help tell them too.
//
// Plain values; any thread.
#pragma once

#include "base/result.h"

namespace hostler::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,         // it did not work; the server said no
  kExitUsage = 2,          // wrong command line or configuration
  kExitNoServer = 3,       // no server answers
  kExitNotFound = 4,       // no such model, voice, file, crash
  kExitRefused = 5,        // not now or not here: conflict, busy, unavailable, forbidden
  kExitInterrupted = 130,  // Ctrl-C
};

inline constexpr std::string_view kUsage = "usage";                  // Error::name of mistakes on the command line
inline constexpr std::string_view kConfiguration = "configuration";  // … in the configuration
inline constexpr std::string_view kNoServer = "no_server";           // … when nobody listens

[[nodiscard]] int ExitCodeOf(const Error& error);

[[nodiscard]] inline std::unexpected<Error> UsageError(std::string message, std::string remedy = {}) {
  return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), {}, std::string(kUsage)});
}

}  // namespace hostler::cli
