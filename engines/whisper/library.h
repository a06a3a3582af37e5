// whisper.cpp as a library of this process: its version asserted, its log led into ours, and what it needs of the processor.
//
// Threads: any.
#pragma once

#include <string>

#include "base/result.h"
#include "log/log.h"

namespace hostler::whisper {

// Names of the processor's abilities that libwhisper was compiled for and that are missing here, with commas; empty if it can
// run. Calls nothing of libwhisper: its first instruction may be one that the processor does not know.
[[nodiscard]] std::string MissingAbilities();

// Before anything else of whisper.cpp; from then on its words go to this log. kUnavailable if it is another version than this
// engine was built for.
[[nodiscard]] Result<> OpenLibrary(log::Log& log);

// The errors that whisper.cpp wrote into the log on this thread since the last call: the reason when a call of its own fails with
// no more than a null pointer. Empty if it said nothing.
[[nodiscard]] std::string TakeComplaint();

}  // namespace hostler::whisper
