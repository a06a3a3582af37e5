#include "engines/llama/library.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <ggml-backend.h>
#include <llama.h>
#include <mtmd-helper.h>

#include "base/text.h"

namespace hostler::llama {
namespace {

constexpr std::string_view kVersion = "0.5.0-dev";  // of the headers in third_party/pins.txt

std::atomic<log::Log*> g_log = nullptr;                       // of who loaded a model last
thread_local std::string t_complaint;                         // the first whole line of the gravest kind, from warnings on
thread_local ggml_log_level t_gravity = GGML_LOG_LEVEL_NONE;  // of it
thread_local std::string t_line;                              // what was said of a line so far
thread_local ggml_log_level t_level = GGML_LOG_LEVEL_NONE;

void TakeLine() {
  const std::string line(Trim(t_line));
  t_line.clear();
  if (line.empty() || line.find_first_not_of('.') == std::string::npos) return;       // dots tell how far a load is
  if (line.find("not marked as outputs -> overriding") != std::string::npos) return;  // as it should: all rows have outputs
  if (t_level >= GGML_LOG_LEVEL_WARN && (t_complaint.empty() || t_level > t_gravity)) {
    t_complaint = line;
    t_gravity = t_level;
  }
  log::Log* log = g_log;
  if (log == nullptr) return;
  if (t_level >= GGML_LOG_LEVEL_ERROR)
    log->Error("{}", line);
  else if (t_level == GGML_LOG_LEVEL_WARN)
    log->Warning("{}", line);
  else
    log->Debug("{}", line);
}

// Lines come in pieces: GGML_LOG_LEVEL_CONT goes on with the last one.
void Hear(ggml_log_level level, const char* text, void*) {
  if (level != GGML_LOG_LEVEL_CONT) {
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

// The folder of libllama: its backends lie beside it.
std::filesystem::path LibraryFolder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&llama_version), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ec;
  return std::filesystem::canonical(info.dli_fname, ec).parent_path();
}

Result<> LoadBackends() {
  if (const char* file = std::getenv("HOSTLER_GGML_CPU"); file != nullptr && *file != '\0') {
    if (ggml_backend_load(file) != nullptr) return {};
    return Fail(Code::kUnavailable, fmt::format("cannot load {}, which HOSTLER_GGML_CPU names", file), "Unset it.");
  }
  const std::string folder = LibraryFolder().string();
  ggml_backend_load_all_from_path(folder.c_str());
  if (ggml_backend_reg_count() > 0) return {};
  return Fail(Code::kUnavailable, fmt::format("there is no backend of ggml for this processor in {}", folder),
              "Install hostler again: libggml-cpu-*.so belong beside libllama.");
}

Result<> Open() {
  if (llama_version() != kVersion)
    return Fail(Code::kUnavailable, fmt::format("libllama is version {}, this engine is built for {}", llama_version(), kVersion),
                "Install the libraries that belong to this hostler.");
  llama_log_set(Hear, nullptr);        // ggml's too
  mtmd_helper_log_set(Hear, nullptr);  // libmtmd's
  HOSTLER_OK(LoadBackends());
  llama_backend_init();
  return {};
}

}  // namespace

Result<> OpenLibrary(log::Log& log) {
  static std::once_flag once;
  static Result<> opened;
  g_log = &log;
  std::call_once(once, [] { opened = Open(); });
  return opened;
}

std::string LastComplaint() {
  if (!t_line.empty()) TakeLine();
  return std::exchange(t_complaint, {});
}

}  // namespace hostler::llama
