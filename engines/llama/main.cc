// hostler-engine-llama: speech and sparse vectors on libllama.
#include "engines/llama/llama.h"

#include <cstdlib>

int main(int argc, char** argv) {
  // ggml would call a debugger before it aborts. Nobody waits for that, and its own last words are what the daemon keeps.
  ::setenv("GGML_NO_BACKTRACE", "1", 0);
  return hostler::engine_sdk::RunEngine(argc, argv, hostler::llama::MakeLlamaEngine());
}
