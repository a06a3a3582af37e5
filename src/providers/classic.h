// The providers that need no download: espeak, flite, pocketsphinx, all run by hostler-engine-classic.
#pragma once

#include <vector>

#include "providers/providers.h"

namespace hostler::providers {

[[nodiscard]] std::vector<Provider> ClassicProviders();

}  // namespace hostler::providers
