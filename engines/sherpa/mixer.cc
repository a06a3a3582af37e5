#include "engines/sherpa/mixer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "os/descriptor.h"
#include "os/files.h"

namespace hostler::sherpa {
namespace {

constexpr std::uint64_t kLargestVoices = 512 << 20;  // bytes

Result<os::Descriptor> InMemory(const std::vector<float>& voices) {
  os::Descriptor file(::memfd_create("voices.bin", MFD_CLOEXEC));
  const auto* bytes = reinterpret_cast<const char*>(voices.data());
  const std::size_t size = voices.size() * sizeof(float);
  for (std::size_t done = 0; file && done < size;) {
    const ssize_t written = ::write(file.get(), bytes + done, size - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      file.Close();
    else
      done += static_cast<std::size_t>(written);
  }
  if (!file)
    return Fail(Code::kUnavailable, fmt::format("there is no memory for a mixed voice: {}", std::strerror(errno)),
                "Unload another model.");
  return file;
}

}  // namespace

Result<Mixer> Mixer::Create(const std::string& file, int speakers, Load load) {
  HOSTLER_TRY(const std::string bytes, os::ReadFile(file, kLargestVoices));
  std::vector<float> voices(bytes.size() / sizeof(float));
  const auto count = static_cast<std::size_t>(std::max(speakers, 1));
  if (voices.empty() || bytes.size() % (sizeof(float) * count) != 0)
    return Fail(Code::kInvalid, fmt::format("{} is not {} voices long", file, count), "Download the model again.");
  std::memcpy(voices.data(), bytes.data(), bytes.size());
  return Mixer(std::move(voices), count, std::move(load));
}

Result<Mixer::Mixture> Mixer::Get(const std::vector<Part>& parts) {
  const auto found = std::find_if(used_.begin(), used_.end(), [&](const Place& place) { return place.parts == parts; });
  if (found != used_.end() && tts_) {
    used_.splice(used_.begin(), used_, found);
    return Mixture{tts_.get(), static_cast<int>(used_.front().number), false};
  }
  if (found == used_.end()) {
    const std::size_t number = FreePlace();
    if (used_.size() == speakers_) used_.pop_back();
    used_.push_front({parts, number});
  }
  if (auto loaded = Reload(); !loaded) {
    used_.pop_front();
    return Fail(std::move(loaded).error());
  }
  return Mixture{tts_.get(), static_cast<int>(used_.front().number), true};
}

// Where there is none, that of the mixture which has to go.
std::size_t Mixer::FreePlace() const {
  if (used_.size() == speakers_) return used_.back().number;
  std::size_t number = 0;
  const auto taken = [&](const Place& place) { return place.number == number; };
  while (std::any_of(used_.begin(), used_.end(), taken)) ++number;
  return number;
}

Result<> Mixer::Reload() {
  const std::size_t size = voices_.size() / speakers_;
  std::vector<float> mixed(voices_.size());
  for (const Place& place : used_) {
    float* to = mixed.data() + place.number * size;
    for (const Part& part : place.parts) {
      const float* from = voices_.data() + static_cast<std::size_t>(part.speaker) * size;
      for (std::size_t i = 0; i < size; ++i) to[i] += static_cast<float>(part.weight) * from[i];
    }
  }
  HOSTLER_TRY(const os::Descriptor file, InMemory(mixed));
  tts_.reset();  // before the next: two of them are enough
  HOSTLER_TRY(tts_, load_(fmt::format("/proc/self/fd/{}", file.get())));
  return {};
}

}  // namespace hostler::sherpa
