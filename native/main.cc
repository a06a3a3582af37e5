// llama-server as hostler starts it: upstream's own main() can neither die with its parent while it loads nor be told which
// variant of ggml to take.
//
//   HOSTLER_PARENT_PID   end when this process ends
//   HOSTLER_GGML_CPU     take exactly this library of ggml's, so that results are the same on every machine (tests)
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/prctl.h>
#include <unistd.h>

#include "ggml-backend.h"

int llama_server(int argc, char** argv);

int main(int argc, char** argv) {
  if (const char* parent = std::getenv("HOSTLER_PARENT_PID")) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != std::atoi(parent)) {
      std::fputs("llama-server: whoever started me is gone\n", stderr);
      return 1;
    }
  }
  if (const char* library = std::getenv("HOSTLER_GGML_CPU"); library != nullptr && *library != '\0') {
    if (ggml_backend_load(library) == nullptr) {
      std::fprintf(stderr, "llama-server: cannot load %s, which HOSTLER_GGML_CPU names\n", library);
      return 1;
    }
  }
  return llama_server(argc, argv);
}
