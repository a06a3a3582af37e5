// hostler-engine-llama: speech and sparse vectors on libllama.
#include "engines/llama/llama.h"

int main(int argc, char** argv) {
  return hostler::engine_sdk::RunEngine(argc, argv, hostler::llama::MakeLlamaEngine());
}
