// What a failed system call becomes: an Error whose message says what was tried and why it failed, with a remedy.
//
// Threads: any.
#pragma once

#include <string>

#include "base/result.h"

namespace hostler::os {

// `what`: what was tried, e.g. `cannot open "/a/b"`; `error`: errno.
[[nodiscard]] Error SystemError(int error, std::string what);

// "No such file or directory".
[[nodiscard]] std::string ErrnoText(int error);

}  // namespace hostler::os
