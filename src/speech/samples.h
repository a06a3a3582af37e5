// samples/: recordings of voices, by name. What people put there by hand is listed too; what comes over the API becomes NAME.wav.
//
// A recording's name is that of its file, without the ending if that is .wav. Nothing outside the folder is read, written or
// removed, whatever links lie in it. Owner: hostlerd. Threads: any; everything blocks on the disk.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace hostler::speech {

struct Sample {
  std::string name;
  std::string file;  // in the folder
  std::uint64_t size_bytes = 0;
  std::string content_type;          // by the file's ending
  WallClock::time_point created_at;  // when it was last written
};

class Samples {
 public:
  // `most`: recordings that Write() lets there be.
  Samples(std::filesystem::path folder, std::size_t most) : folder_(std::move(folder)), most_(most) {}

  // By name. The folder need not be there.
  [[nodiscard]] std::vector<Sample> List() const;
  // As it is called, or as PlainName() writes it. kNotFound with the nearest; field `sample`.
  [[nodiscard]] Result<Sample> Find(const std::string& name) const;
  // kTooLarge if the file is larger than `limit` bytes.
  [[nodiscard]] Result<std::string> Read(const Sample& sample, std::uint64_t limit) const;

  // Trimmed, small letters; blanks and dashes become _, other characters than [a-z0-9_] go; at most 64. kInvalid if nothing is
  // left; field `name`.
  [[nodiscard]] static Result<std::string> PlainName(std::string_view name);
  // Replaces a recording of that name. REQUIRES: `name` is from PlainName(). kInvalid named `library_full`.
  [[nodiscard]] Result<Sample> Write(const std::string& name, std::string_view wav);
  [[nodiscard]] Result<> Remove(const Sample& sample);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  const std::filesystem::path folder_;
  const std::size_t most_;
  std::mutex writing_;  // counting and adding are one step
};

}  // namespace hostler::speech
