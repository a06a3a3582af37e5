// hostler-engine-classic: speech and hearing with what Debian ships, no download needed.
#include "engines/classic/providers.h"

int main(int argc, char** argv) {
  return hostler::engine_sdk::RunEngine(argc, argv, hostler::classic::MakeClassicEngine());
}
