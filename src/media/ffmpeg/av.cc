#include "media/ffmpeg/av.h"

#include <fmt/format.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "base/result.h"

namespace hostler::media::av {
namespace {

thread_local std::string last_line;

void Keep(void* /*object*/, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string line = text.data();
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ' || line.back() == '.')) line.pop_back();
  if (!line.empty()) last_line = std::move(line);
}

}  // namespace

void CaptureLog() {
  av_log_set_callback(Keep);
}

void ForgetLines() {
  last_line.clear();
}

std::string LastLine() {
  return last_line;
}

std::string Reason(int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(error, text.data(), text.size());
  return last_line.empty() ? std::string(text.data()) : fmt::format("{} ({})", text.data(), last_line);
}

std::unexpected<Error> Fault(std::string_view what, int error) {
  if (error == AVERROR(ENOMEM))
    return Fail(Code::kUnavailable, fmt::format("no memory to {}", what), "Free some memory and try again.");
  return Fail(Code::kInternal, fmt::format("cannot {}: {}", what, Reason(error)),
              "Check that FFmpeg's libraries are complete and of one version.");
}

}  // namespace hostler::media::av
