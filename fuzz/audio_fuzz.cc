// Uploaded sound: our own WAV reader, and every container FFmpeg opens, within the limits that we set.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "media/media.h"
#include "os/files.h"

using namespace hostler::media;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr double kMaxSeconds = 20;
  static Codecs codecs(hostler::os::ProgramFolder() / ".." / "bin" / "hostler-media.so");  // the build folder's
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto wav = FromWav(bytes)) {
    if (wav->samples.size() * 2 > size || wav->samples.size() % static_cast<std::size_t>(wav->channels) != 0) std::abort();
    const auto again = FromWav(ToWav(*wav));
    if (!again || again->samples != wav->samples || again->sample_rate != wav->sample_rate) std::abort();
  }
  const auto audio = codecs.Decode(bytes, {.sample_rate = 16000, .channels = 1, .max_seconds = kMaxSeconds});
  if (audio && audio->seconds() > kMaxSeconds) std::abort();
  if (!audio && (audio.error().message.empty() || audio.error().remedy.empty())) std::abort();
  return 0;
}
