// The life-cycle policy as a game that the fuzzer plays: its bytes decide what happens, the game checks the rules.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "lifecycle/testing/policy_game.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::size_t at = 0;
  hostler::lifecycle::PolicyGame game([&](unsigned n) { return at < size ? data[at++] % n : 0U; });
  const std::string wrong = game.Play(static_cast<int>(size));
  if (!wrong.empty()) {
    std::fprintf(stderr, "the policy broke a rule: %s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
