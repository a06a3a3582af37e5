#include "api/openai/subtitles.h"

#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::api::openai {
namespace {

std::string Stamp(double seconds, char point) {
  const auto ms = static_cast<std::int64_t>(std::max(0.0, seconds) * 1000);  // truncated, as players expect of both ends
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, point, ms % 1000);
}

// A blank line ends a cue in both formats, and an arrow begins one.
std::string OneCue(std::string_view text) {
  std::string cue;
  for (const std::string_view line : Split(Trim(text), '\n')) {
    if (Trim(line).empty()) continue;
    if (!cue.empty()) cue += '\n';
    cue += Trim(line);
  }
  for (std::size_t at = 0; (at = cue.find("-->", at)) != std::string::npos;) cue.replace(at, 3, "->");
  return cue;
}

}  // namespace

std::string ToSrt(const wire::Transcript& transcript) {
  std::string text;
  int number = 0;
  for (const wire::Segment& segment : transcript.segments) {
    text +=
        fmt::format("{}\n{} --> {}\n{}\n\n", ++number, Stamp(segment.start, ','), Stamp(segment.end, ','), OneCue(segment.text));
  }
  return text;
}

std::string ToVtt(const wire::Transcript& transcript) {
  std::string text = "WEBVTT\n\n";
  for (const wire::Segment& segment : transcript.segments) {
    text += fmt::format("{} --> {}\n{}\n\n", Stamp(segment.start, '.'), Stamp(segment.end, '.'), OneCue(segment.text));
  }
  return text;
}

}  // namespace hostler::api::openai
