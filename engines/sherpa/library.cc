#include "engines/sherpa/library.h"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <mutex>

#include <fmt/format.h>

#include "base/text.h"

// Asked by LeakSanitizer, where there is one: the library's espeak-ng forgets 1.3 KB with each text, and the library what it was
// making when it throws. Neither is ours to mend.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libsherpa-onnx-c-api.so\n";
}

namespace hostler::sherpa {
namespace {

constexpr std::size_t kLongestComplaints = 600;  // bytes

thread_local std::string t_complaints;

// "/shared/sherpa-onnx/csrc/silero-vad-model.cc:Init:193 Unsupported model": where it was said is of no use to anybody here.
std::string_view WithoutPlace(std::string_view line) {
  if (!line.starts_with('/')) return line;
  const std::string_view place = line.substr(0, line.find(' '));
  const bool source = place.find(".cc:") != std::string_view::npos || place.find(".h:") != std::string_view::npos;
  return source ? line.substr(place.size()) : line;
}

// Where everything goes that is written to `stderr`: on at once, as the process may end with the next statement.
ssize_t TakeStderr(void*, const char* bytes, std::size_t size) {
  for (const std::string_view line : Split(std::string_view(bytes, size), '\n')) {
    const std::string_view said = Trim(WithoutPlace(line));
    if (said.empty() || t_complaints.size() > kLongestComplaints) continue;
    t_complaints += (t_complaints.empty() ? "" : " ") + Clip(Printable(said), kLongestComplaints);
  }
  for (std::size_t done = 0; done < size;) {
    const ssize_t written = ::write(STDERR_FILENO, bytes + done, size - done);
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  return static_cast<ssize_t>(size);  // nobody can be told that nobody listens
}

Result<> Open() {
  const std::string version = abi::SherpaOnnxGetVersionStr();
  if (version != abi::kVersion) {
    return Fail(Code::kUnavailable,
                fmt::format("libsherpa-onnx is version {}, this engine is built for {}", version, abi::kVersion),
                "Install the libraries that belong to this hostler.");
  }
  // glibc's stderr is a variable, for this purpose. An unbuffered stream is handed on line by line.
  if (FILE* heard = ::fopencookie(nullptr, "w", {.read = nullptr, .write = &TakeStderr, .seek = nullptr, .close = nullptr})) {
    ::setvbuf(heard, nullptr, _IONBF, 0);
    stderr = heard;
  }
  std::fflush(stdout);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return {};
}

std::unexpected<Error> Cannot(std::string_view doing, std::string_view reason) {
  return Fail(Code::kInternal,
              fmt::format("sherpa-onnx cannot {}: {}", doing,
                          reason.empty() ? "it does not say why" : Clip(Printable(reason), kLongestComplaints)),
              "If the files are whole (`hostler verify`), this model is not one that sherpa-onnx reads.");
}

}  // namespace

Result<> OpenLibrary() {
  static std::once_flag once;
  static Result<> opened;
  std::call_once(once, [] { opened = Open(); });
  return opened;
}

Result<> Guarded(std::string_view doing, const std::function<bool()>& call) {
  t_complaints.clear();
  try {
    if (call()) return {};
  } catch (const Stopped&) {
    return Fail(Code::kCancelled, "nobody waits for it any more", "Ask again.");
  } catch (const std::exception& thrown) {
    return Cannot(doing, thrown.what());
  } catch (...) {
    return Cannot(doing, "it threw something that is no exception");
  }
  return Cannot(doing, t_complaints);
}

const std::string& Complaints() {
  return t_complaints;
}

}  // namespace hostler::sherpa
