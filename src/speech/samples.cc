#include "speech/samples.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "os/files.h"
#include "os/system_error.h"

namespace hostler::speech {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLongestName = 64;

std::optional<std::string_view> ContentTypeOf(const fs::path& file) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kTypes = {{{".wav", "audio/wav"},
                                                                                     {".mp3", "audio/mpeg"},
                                                                                     {".flac", "audio/flac"},
                                                                                     {".ogg", "audio/ogg"},
                                                                                     {".opus", "audio/opus"},
                                                                                     {".m4a", "audio/mp4"},
                                                                                     {".mp4", "audio/mp4"},
                                                                                     {".aac", "audio/aac"},
                                                                                     {".webm", "audio/webm"},
                                                                                     {".aiff", "audio/aiff"}}};
  const std::string ending = Lower(file.extension().string());
  for (const auto& [known, type] : kTypes) {
    if (ending == known) return type;
  }
  return std::nullopt;
}

// Nothing if it is no recording, or lies elsewhere.
std::optional<Sample> SampleAt(const fs::path& folder, const fs::path& file) {
  const auto type = ContentTypeOf(file);
  if (!type || file.native().starts_with('.') || !Utf8Length(file.native())) return std::nullopt;
  const auto resolved = os::Confine(folder / file, {folder});
  struct stat status{};
  if (!resolved || ::stat(resolved->c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  Sample sample;
  sample.file = file.string();
  sample.name = *type == "audio/wav" ? file.stem().string() : sample.file;
  sample.size_bytes = static_cast<std::uint64_t>(status.st_size);
  sample.content_type = *type;
  sample.created_at = WallClock::time_point(std::chrono::seconds(status.st_mtim.tv_sec));
  return sample;
}

}  // namespace

std::vector<Sample> Samples::List() const {
  std::vector<Sample> samples;
  std::error_code ec;
  for (fs::directory_iterator it(folder_, ec), end; !ec && it != end; it.increment(ec)) {
    if (auto sample = SampleAt(folder_, it->path().filename())) samples.push_back(*std::move(sample));
  }
  std::ranges::sort(samples, {}, [](const Sample& sample) { return std::pair(sample.name, sample.file); });
  return samples;
}

Result<Sample> Samples::Find(const std::string& name) const {
  const std::vector<Sample> samples = List();
  const std::string plain = PlainName(name).value_or("");
  for (const std::string& wanted : {name, plain}) {
    for (const Sample& sample : samples) {
      if (!wanted.empty() && (sample.name == wanted || sample.file == wanted)) return sample;
    }
  }
  std::vector<std::string> names;
  for (const Sample& sample : samples) names.push_back(sample.name);
  const std::string near = Nearest(name, names);
  return Fail(Error{Code::kNotFound,
                    fmt::format("there is no sample \"{}\"", Clip(name, 200)),
                    near.empty() ? fmt::format("GET /api/voices/library lists them; they lie in {}.", folder_.string())
                                 : fmt::format("Did you mean \"{}\"?", near),
                    "sample",
                    {}});
}

Result<std::string> Samples::Read(const Sample& sample, std::uint64_t limit) const {
  HOSTLER_TRY(const fs::path path, os::Confine(folder_ / sample.file, {folder_}));
  return os::ReadFile(path, limit);
}

Result<std::string> Samples::PlainName(std::string_view name) {
  std::string plain;
  for (const char c : Lower(Trim(name))) {
    if (c == ' ' || c == '-')
      plain += '_';
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')
      plain += c;
  }
  plain.resize(std::min(plain.size(), kLongestName));
  if (!plain.empty()) return plain;
  return Fail(Error{Code::kInvalid, "the name has no letter or digit", "Name it with letters a to z, digits and underscores.",
                    "name", "validation_error"});
}

Result<Sample> Samples::Write(const std::string& name, std::string_view wav) {
  const std::lock_guard lock(writing_);
  const std::vector<Sample> samples = List();
  const std::string file = name + ".wav";
  const bool known = std::ranges::any_of(samples, [&](const Sample& sample) { return sample.file == file; });
  if (!known && samples.size() >= most_) {
    return Fail(Error{Code::kInvalid,
                      fmt::format("there are {} samples already, and no more than {} are allowed", samples.size(), most_),
                      "Delete one, or raise speech.max_samples.", "name", "validation_error"});
  }
  HOSTLER_OK(os::MakeDirectories(folder_, 0755));
  HOSTLER_OK(os::WriteFileAtomically(folder_ / file, wav, 0644));  // a link of that name is replaced, not followed
  if (auto sample = SampleAt(folder_, file)) return *std::move(sample);
  return Fail(Code::kConflict, fmt::format("the sample \"{}\" was removed while it was written", name), "Send it again.");
}

Result<> Samples::Remove(const Sample& sample) {
  const std::lock_guard lock(writing_);
  const fs::path path = folder_ / sample.file;  // of the folder's own listing; a link goes itself, not what it leads to
  if (::unlink(path.c_str()) == 0) return {};
  return Fail(os::SystemError(errno, fmt::format("cannot remove \"{}\"", path.string())));
}

}  // namespace hostler::speech
