#include "engines/whisper/library.h"

#include <atomic>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <whisper.h>

#include "base/text.h"

// Asked by LeakSanitizer, where there is one: whisper.cpp forgets the tensors it had made when it refuses a file half-way. That
// is not ours to mend.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:wsp_ggml_init\n";
}

namespace hostler::whisper {
namespace {

constexpr std::string_view kVersion = "1.9.3";  // of the sources in third_party/pins.txt
constexpr std::size_t kLongestComplaint = 500;  // bytes

std::atomic<log::Log*> g_log = nullptr;  // of who loaded a model last
thread_local std::string t_complaint;
thread_local std::string t_line;  // what was said of a line so far
thread_local wsp_ggml_log_level t_level = WSP_GGML_LOG_LEVEL_NONE;

// "whisper_model_load: unknown tensor 'x' in model file" without the function's name.
std::string_view WithoutFunction(std::string_view line) {
  const auto colon = line.find(": ");
  if (colon == std::string_view::npos || line.substr(0, colon).find(' ') != std::string_view::npos) return line;
  return line.substr(colon + 2);
}

void Complain(std::string_view line) {
  line = WithoutFunction(line);
  if (line == "failed to load model" || t_complaint.size() + line.size() > kLongestComplaint) return;
  if (!t_complaint.empty()) t_complaint += "; ";
  t_complaint += line;
}

void TakeLine() {
  const std::string line(Trim(t_line));
  t_line.clear();
  if (line.empty()) return;
  if (t_level == WSP_GGML_LOG_LEVEL_ERROR) Complain(line);
  log::Log* log = g_log;
  if (log == nullptr) return;
  if (t_level == WSP_GGML_LOG_LEVEL_ERROR)
    log->Warning("{}", line);  // whether it is an error of ours is for the caller to say
  else if (t_level == WSP_GGML_LOG_LEVEL_WARN)
    log->Info("{}", line);
  else
    log->Debug("{}", line);
}

// Lines come in pieces: WSP_GGML_LOG_LEVEL_CONT goes on with the last one.
void Hear(wsp_ggml_log_level level, const char* text, void*) {
  if (level != WSP_GGML_LOG_LEVEL_CONT) {
    if (!t_line.empty()) TakeLine();
    t_level = level;
  }
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    t_line += rest.substr(0, end);
    if (end == std::string_view::npos) break;
    TakeLine();
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::string MissingAbilities() {
  std::string missing;
#if defined(__x86_64__)
  const auto need = [&](bool here, const char* name) {
    if (here) return;
    if (!missing.empty()) missing += ", ";
    missing += name;
  };
  __builtin_cpu_init();
  need(__builtin_cpu_supports("avx2"), "AVX2");
  need(__builtin_cpu_supports("fma"), "FMA");
  need(__builtin_cpu_supports("f16c"), "F16C");
  need(__builtin_cpu_supports("bmi2"), "BMI2");
#endif
  return missing;
}

Result<> OpenLibrary(log::Log& log) {
  static std::once_flag once;
  g_log = &log;
  std::call_once(once, [] { whisper_log_set(Hear, nullptr); });  // ggml's too
  if (whisper_version() == kVersion) return {};
  return Fail(Code::kUnavailable,
              fmt::format("whisper.cpp is version {}, this engine is built for {}", whisper_version(), kVersion),
              "Build hostler with the sources that third_party/pins.txt names.");
}

std::string TakeComplaint() {
  if (!t_line.empty()) TakeLine();
  return std::exchange(t_complaint, {});
}

}  // namespace hostler::whisper
