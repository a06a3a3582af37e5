// What the fake engine does to the outside: noise, memory, helpers, garbage instead of answers.
//
// Owner: main(). Threads: any, unless said otherwise.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine_sdk/run.h"
#include "engines/fake/options.h"

namespace hostler::fake {

class Mischief {
 public:
  // `standard_output`: a copy of the real one, made before the SDK silenced it.
  Mischief(Options options, int standard_output);

  // Load options are added to those of HOSTLER_FAKE and stay until the process ends.
  void Add(const Options& options);
  [[nodiscard]] Options options() const;

  // What a load or a request brings with it.
  void Babble(log::Log& log) const;
  void Grow(int megabytes);  // for good
  void StartHelper() const;  // a grandchild that outlives everybody who does not kill the process group

  [[nodiscard]] engine_sdk::Hooks Hooks();

 private:
  Task<bool> Before(http::Exchange& exchange);

  mutable std::mutex mutex_;
  Options options_;
  const int standard_output_;
  std::vector<std::unique_ptr<char[]>> grown_;
};

// Accepts on the address of the command line and answers with noise that is not HTTP, for ever.
[[nodiscard]] int ServeRawGarbage(int argc, char** argv);

// Touches every page, so that the kernel counts them.
[[nodiscard]] std::unique_ptr<char[]> Memory(int megabytes);

}  // namespace hostler::fake
