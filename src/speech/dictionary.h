// How words are pronounced: what is said instead of what is written, from a file that people keep.
//
//   words.toml                          words.json
//   GIF = "jiff"                        {"GIF": "jiff",
//   "Dr. Who" = "Doctor Who"             "Dr. Who": "Doctor Who",
//   kHz = { say = "kilohertz", part = true }   "kHz": {"say": "kilohertz", "part": true}}
//
// The longest key that fits wins, from the left, and what was put in is not looked at again. A key stands for whole words (with
// `part`, also within one; keys of scripts without blanks anyway). A key with a capital in it means just that spelling; others
// are found in capitals too.
//
// Dictionary: immutable; any thread. DictionaryFile: any thread; Now() blocks on the disk.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::speech {

class Dictionary {
 public:
  static constexpr std::size_t kMostWords = 20'000;
  static constexpr std::size_t kLongestText = 200;  // bytes of a key or of what is said

  // `name`: the file's, for errors; JSON if it ends in .json, else TOML. Errors name the line and the key.
  [[nodiscard]] static Result<Dictionary> Read(std::string_view text, const std::string& name);

  [[nodiscard]] std::string Apply(std::string_view text) const;
  [[nodiscard]] std::size_t size() const { return words_.size(); }

 private:
  struct Word {
    std::string key;
    std::string say;
    bool part = false;
    bool as_written = false;  // upper and lower case matter
  };
  [[nodiscard]] static Result<> Check(const Word& word);
  [[nodiscard]] const Word* At(std::string_view text, std::size_t at) const;
  void Index();

  std::vector<Word> words_;                             // longest first
  std::map<char, std::vector<std::size_t>> beginning_;  // words by the first byte of their key, small
};

class DictionaryFile {
 public:
  explicit DictionaryFile(std::filesystem::path path) : path_(std::move(path)) {}

  // The file as it is now; null if none is configured. It is read again when it changed. If it cannot be read then, `tell` gets
  // the reason once, and the old one stays in use.
  [[nodiscard]] std::shared_ptr<const Dictionary> Now(const std::function<void(const Error&)>& tell);
  [[nodiscard]] bool configured() const { return !path_.empty(); }

 private:
  struct Stamp {
    std::filesystem::file_time_type time;
    std::uintmax_t size = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] Result<std::shared_ptr<const Dictionary>> Read() const;

  const std::filesystem::path path_;
  std::mutex mutex_;  // guards the rest
  std::optional<Stamp> seen_;
  bool looked_ = false;
  std::shared_ptr<const Dictionary> dictionary_;
};

// For the start, where a wrong file is an error.
[[nodiscard]] Result<Dictionary> ReadDictionary(const std::filesystem::path& path);

}  // namespace hostler::speech
