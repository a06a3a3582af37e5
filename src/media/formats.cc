#include <array>

#include "base/text.h"
#include "media/media.h"

namespace hostler::media {
namespace {

struct Entry {
  Format format;
  std::string_view name;
  std::string_view content_type;
};

constexpr std::array<Entry, 7> kFormats = {{
    {Format::kMp3, "mp3", "audio/mpeg"},
    {Format::kOpus, "opus", "audio/opus"},
    {Format::kAac, "aac", "audio/aac"},
    {Format::kFlac, "flac", "audio/flac"},
    {Format::kWav, "wav", "audio/wav"},
    {Format::kPcm, "pcm", "audio/pcm"},
    {Format::kM4a, "m4a", "audio/mp4"},
}};

const Entry& EntryOf(Format format) {
  return kFormats[static_cast<std::size_t>(format)];
}

static_assert([] {
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (static_cast<std::size_t>(kFormats[i].format) != i) return false;
  }
  return true;
}());

}  // namespace

std::optional<Format> FormatFromName(std::string_view name) {
  for (const Entry& entry : kFormats) {
    if (EqualsIgnoringCase(entry.name, name)) return entry.format;
  }
  return std::nullopt;
}

std::string_view FormatName(Format format) {
  return EntryOf(format).name;
}

std::string_view ContentType(Format format) {
  return EntryOf(format).content_type;
}

std::vector<std::string> FormatNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kFormats) names.emplace_back(entry.name);
  return names;
}

}  // namespace hostler::media
