// The header of a safetensors file from anywhere: an error, or tensors that lie within the data, cover it, and have their sizes.
#include <cstdlib>

#include "engines/llama/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // The first bytes say how much data there is.
  const std::uint64_t data_bytes = static_cast<std::uint64_t>(data[0]) << (data[1] % 57);
  const auto tensors = hostler::llama::ReadSafetensorsHeader({reinterpret_cast<const char*>(data + 2), size - 2}, data_bytes);
  if (!tensors) {
    if (tensors.error().message.empty() || tensors.error().remedy.empty()) std::abort();
    return 0;
  }
  std::uint64_t covered = 0;
  for (const auto& [name, place] : *tensors) {
    if (place.begin > place.end || place.end > data_bytes) std::abort();
    covered += place.end - place.begin;
    std::uint64_t bytes = hostler::llama::ElementSize(place.dtype);
    if (bytes == 0) continue;
    for (const std::uint64_t extent : place.shape) bytes *= extent;
    if (bytes != place.end - place.begin) std::abort();
  }
  if (covered != data_bytes) std::abort();
  return 0;
}
