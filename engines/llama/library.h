// libllama as a library of this process: its backends found and loaded, its version asserted, its log led into ours.
//
// Threads: any; the first call does the work.
#pragma once

#include "base/result.h"
#include "log/log.h"

namespace hostler::llama {

// Opens libllama for this process, once; what it says goes to the `log` of the last call. kUnavailable if it is another version
// than this engine was built for, or if no backend of ggml can be loaded. $HOSTLER_GGML_CPU names exactly one backend file
// (tests: the same numbers on every machine); otherwise ggml picks the best of those that lie beside libllama.
[[nodiscard]] Result<> OpenLibrary(log::Log& log);

// The first of the gravest things that libllama, libmtmd and ggml said on this thread since the last call, a warning at least:
// the reason when a call of theirs fails with no more than a null pointer. Empty if they said nothing.
[[nodiscard]] std::string LastComplaint();

}  // namespace hostler::llama
