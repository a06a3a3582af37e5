// How the library is given a model that hears.
//
// Threads: any; loading takes as long as it takes.
#pragma once

#include <string>
#include <vector>

#include "engines/sherpa/families.h"
#include "engines/sherpa/library.h"

namespace hostler::sherpa {

// Which languages a family can be told to expect; none: it hears what it was made for, and asks nobody.
[[nodiscard]] std::vector<std::string> LanguagesOf(const Plan& plan);
[[nodiscard]] bool HasTimes(Family family);
[[nodiscard]] bool Translates(const Plan& plan);

// What a recogniser is told about one recording.
struct Wish {
  std::string language;  // empty: its own choice
  bool translate = false;
  friend bool operator==(const Wish&, const Wish&) = default;
};

// The strings are the plan's and the wish's: both must outlive it.
[[nodiscard]] abi::AsrConfig AsrConfigOf(const Plan& plan, const Wish& wish, int threads);
[[nodiscard]] Result<Recognizer> LoadAsr(const Plan& plan, const Wish& wish, int threads);

}  // namespace hostler::sherpa
