// hostler-engine-whisper: hearing with whisper.cpp.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "engines/whisper/library.h"
#include "engines/whisper/whisper.h"

namespace {

// Before the constructors of libwhisper, which may use what an older processor does not have.
__attribute__((constructor(101))) void CheckProcessor() {
  const std::string missing = hostler::whisper::MissingAbilities();
  if (missing.empty()) return;
  std::fprintf(stderr, "hostler-engine-whisper: this processor has no %s, which whisper.cpp was built for\n", missing.c_str());
  ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  ::setenv("WSP_GGML_NO_BACKTRACE", "1", 0);  // an assertion of ggml's would start a debugger, and wait for it
  return hostler::engine_sdk::RunEngine(argc, argv, hostler::whisper::MakeWhisperEngine());
}
