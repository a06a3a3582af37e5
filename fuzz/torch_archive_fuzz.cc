// An archive of torch.save() from anywhere: an error, or tensors that lie within the file and have their sizes.
#include <cstdlib>
#include <cstring>

#include "engines/llama/torch_archive.h"

namespace llama = hostler::llama;

namespace {

void Check(const hostler::Result<llama::TensorPlaces>& tensors, std::uint64_t size) {
  if (!tensors) {
    if (tensors.error().message.empty() || tensors.error().remedy.empty()) std::abort();
    return;
  }
  for (const auto& [name, place] : *tensors) {
    if (place.begin > place.end || place.end > size || llama::SizeOf(place) != place.end - place.begin) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = [&](std::uint64_t at, std::span<std::byte> out) -> hostler::Result<> {
    if (at > size || out.size() > size - at) return hostler::Fail(hostler::Code::kInvalid, "the end", "Send more.");
    if (!out.empty()) std::memcpy(out.data(), data + at, out.size());
    return {};
  };
  Check(llama::ReadTorchArchive(size, read), size);
  // The pickle by itself: a fuzzer does not find its way through the zip.
  const llama::TorchStorages storages = {{"0", {0, 64}}, {"1", {64, 1 << 20}}};
  Check(llama::ReadTorchPickle({reinterpret_cast<const char*>(data), size}, storages), 64 + (1 << 20));
  return 0;
}
