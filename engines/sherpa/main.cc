// hostler-engine-sherpa: speech and hearing with ONNX models.
#include "engines/sherpa/sherpa.h"

int main(int argc, char** argv) {
  return hostler::engine_sdk::RunEngine(argc, argv, hostler::sherpa::MakeSherpaEngine());
}
