#include "os/gpu.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace hostler::os {
namespace {

// Layouts and names as in NVIDIA's NVML API reference; version 3 of the process list is what current drivers export.
struct ProcessInfo {
  unsigned pid;
  unsigned long long used_bytes;
  unsigned gpu_instance;
  unsigned compute_instance;
};
using Device = void*;
constexpr int kSuccess = 0;
constexpr int kInsufficientSize = 7;
constexpr unsigned long long kUnknown = ~0ULL;

class Nvml {
 public:
  // Null where there is none.
  static const Nvml* Get() {
    static const std::unique_ptr<Nvml> nvml = Open();
    return nvml.get();
  }

  [[nodiscard]] std::vector<ProcessInfo> Processes() const {
    std::vector<ProcessInfo> all;
    unsigned devices = 0;
    if (count_(&devices) != kSuccess) return all;
    for (unsigned i = 0; i < devices; ++i) {
      Device device = nullptr;
      if (handle_(i, &device) != kSuccess) continue;
      std::vector<ProcessInfo> list(64);
      auto size = static_cast<unsigned>(list.size());
      if (processes_(device, &size, list.data()) == kInsufficientSize) {
        list.resize(size + 16);
        size = static_cast<unsigned>(list.size());
        if (processes_(device, &size, list.data()) != kSuccess) continue;
      }
      all.insert(all.end(), list.begin(),
                 list.begin() + std::min<std::ptrdiff_t>(size, static_cast<std::ptrdiff_t>(list.size())));
    }
    return all;
  }

 private:
  static std::unique_ptr<Nvml> Open() {
    if (::access("/dev/nvidiactl", F_OK) != 0) return nullptr;
    void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return nullptr;
    auto nvml = std::make_unique<Nvml>();
    int (*init)() = nullptr;
    if (!Find(library, "nvmlInit_v2", init) || !Find(library, "nvmlDeviceGetCount_v2", nvml->count_) ||
        !Find(library, "nvmlDeviceGetHandleByIndex_v2", nvml->handle_) ||
        !Find(library, "nvmlDeviceGetComputeRunningProcesses_v3", nvml->processes_) || init() != kSuccess) {
      return nullptr;
    }
    return nvml;
  }

  template <class F>
  static bool Find(void* library, const char* name, F& function) {
    function = reinterpret_cast<F>(::dlsym(library, name));
    return function != nullptr;
  }

  int (*count_)(unsigned*) = nullptr;
  int (*handle_)(unsigned, Device*) = nullptr;
  int (*processes_)(Device, unsigned*, ProcessInfo*) = nullptr;
};

}  // namespace

std::optional<double> ReadGroupGpuMb(pid_t group) {
  const Nvml* nvml = Nvml::Get();
  if (nvml == nullptr) return std::nullopt;
  double bytes = 0;
  for (const ProcessInfo& process : nvml->Processes()) {
    if (::getpgid(static_cast<pid_t>(process.pid)) == group && process.used_bytes != kUnknown)
      bytes += static_cast<double>(process.used_bytes);
  }
  return bytes / (1 << 20);
}

}  // namespace hostler::os
