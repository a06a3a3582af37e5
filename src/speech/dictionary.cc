#include "speech/dictionary.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "config/fields.h"
#include "config/node.h"
#include "os/files.h"

namespace hostler::speech {
namespace {

constexpr std::uint64_t kLongestFile = 4 << 20;  // bytes

std::unexpected<Error> Wrong(const std::string& name, int line, std::string message) {
  const std::string where = line > 0 ? fmt::format("{}:{}", name, line) : name;
  return Fail(Code::kInvalid, fmt::format("{}: {}", where, message), "Write WORD = \"what is said\", once for each word.");
}

bool IsAsciiWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

char32_t CodePoint(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  char32_t value = lead < 0x80 ? lead : lead < 0xE0 ? lead & 0x1FU : lead < 0xF0 ? lead & 0x0FU : lead & 0x07U;
  for (std::size_t i = 1; i < bytes.size() && IsContinuation(bytes[i]); ++i)
    value = (value << 6) | (static_cast<unsigned char>(bytes[i]) & 0x3FU);
  return value;
}

// Is it part of a word, in a script that parts words with blanks? Punctuation is not, nor what Chinese and Japanese are written
// in.
bool JoinsWords(char32_t c) {
  if (c < 0x80) return IsAsciiWord(static_cast<char>(c));
  if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA;  // Latin-1's signs, but for its three letters
  return c < 0x2000 || (c >= 0x2C00 && c < 0x2E00) || (c >= 0xA640 && c < 0xD7B0);
}

char32_t Before(std::string_view text, std::size_t at) {
  if (at == 0) return ' ';
  std::size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && IsContinuation(text[begin])) --begin;
  return CodePoint(text.substr(begin, at - begin));
}

char32_t At(std::string_view text, std::size_t at) {
  return at < text.size() ? CodePoint(text.substr(at, 4)) : U' ';
}

// A word must not go on where the match ends.
bool Parts(char32_t inside, char32_t outside) {
  return !(JoinsWords(inside) && JoinsWords(outside));
}

struct JsonWord {
  std::string say;
  std::optional<bool> part;
};
BOOST_DESCRIBE_STRUCT(JsonWord, (), (say, part))

// The line on which a key of the file stands; JSON readers do not say.
int LineOf(std::string_view text, std::string_view key) {
  std::string quoted;
  json::AppendQuoted(quoted, key);
  const std::size_t found = text.find(quoted);
  return found == std::string_view::npos ? 0 : static_cast<int>(std::ranges::count(text.substr(0, found), '\n')) + 1;
}

struct Line {
  std::string key;
  std::string say;
  bool part = false;
  int line = 0;
};

Result<std::vector<Line>> LinesOfJson(std::string_view text, const std::string& name) {
  const auto dom = json::ParseDom(text);
  if (!dom) return Wrong(name, 0, dom.error().message);
  if (!dom->is_object()) return Wrong(name, 1, "expected an object of words");
  std::vector<Line> lines;
  for (const auto& member : dom->get_object()) {
    Line line{member.key(), {}, false, LineOf(text, member.key())};
    if (member.value().is_string()) {
      line.say = member.value().get_string();
    } else {
      JsonWord word;
      json::DecodeOptions options;
      if (auto done = json::Decode(member.value(), word, options); !done)
        return Wrong(name, line.line, fmt::format("{}: {}", Clip(line.key, 100), done.error().message));
      line.say = std::move(word.say);
      line.part = word.part.value_or(false);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

Result<> ReadSay(Line& line, const config::Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) return config::Mismatch();
  line.say = *text;
  return {};
}
Result<> ReadPart(Line& line, const config::Node& node) {
  const auto* flag = std::get_if<bool>(&node.value);
  if (flag == nullptr) return config::Mismatch();
  line.part = *flag;
  return {};
}

Result<std::vector<Line>> LinesOfToml(std::string_view text, const std::string& name) {
  HOSTLER_TRY(const config::Node root, config::ParseToml(text, name));
  static const std::vector<config::Field<Line>> fields = {{"say", "a text", ReadSay}, {"part", "true or false", ReadPart}};
  std::vector<Line> lines;
  for (const auto& [key, node] : std::get<config::Node::Table>(root.value)) {
    Line line{key, {}, false, node.line};
    if (std::holds_alternative<config::Node::Table>(node.value)) {
      HOSTLER_OK(config::ReadFields(line, node, fields, {name, key}));
      HOSTLER_OK(config::RequireKeys(node, {"say"}, {name, key}, {}));
    } else if (!ReadSay(line, node)) {
      return Wrong(name, node.line, fmt::format("{}: expected what is said, got {}", Clip(key, 100), config::Describe(node)));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

Result<> Dictionary::Check(const Word& word) {
  if (Trim(word.key).empty()) return Fail(Code::kInvalid, "a word is empty");
  for (const std::string& text : {word.key, word.say}) {
    if (text.size() > kLongestText) return Fail(Code::kInvalid, fmt::format("longer than {} bytes", kLongestText));
    if (!Utf8Length(text) || text.contains('\0')) return Fail(Code::kInvalid, "not plain text in UTF-8");
  }
  return {};
}

Result<Dictionary> Dictionary::Read(std::string_view text, const std::string& name) {
  HOSTLER_TRY(auto lines, name.ends_with(".json") ? LinesOfJson(text, name) : LinesOfToml(text, name));
  if (lines.size() > kMostWords) return Wrong(name, 0, fmt::format("more than {} words", kMostWords));
  Dictionary dictionary;
  for (Line& line : lines) {
    Word word{std::string(Trim(line.key)), std::move(line.say), line.part, false};
    if (const auto good = Check(word); !good)
      return Wrong(name, line.line, fmt::format("{}: {}", Clip(word.key, 100), good.error().message));
    word.as_written = Lower(word.key) != word.key;
    dictionary.words_.push_back(std::move(word));
  }
  dictionary.Index();
  return dictionary;
}

void Dictionary::Index() {
  // Of two that are equally long, the one that means just this spelling goes first.
  std::ranges::sort(words_, [](const Word& a, const Word& b) {
    if (a.key.size() != b.key.size()) return a.key.size() > b.key.size();
    if (a.as_written != b.as_written) return a.as_written;
    return a.key < b.key;
  });
  for (std::size_t i = 0; i < words_.size(); ++i) beginning_[Lower(words_[i].key.substr(0, 1))[0]].push_back(i);
}

const Dictionary::Word* Dictionary::At(std::string_view text, std::size_t at) const {
  const auto begins = beginning_.find(Lower(text.substr(at, 1))[0]);
  if (begins == beginning_.end()) return nullptr;
  for (const std::size_t index : begins->second) {
    const Word& word = words_[index];
    const std::string_view found = text.substr(at, word.key.size());
    if (word.as_written ? found != word.key : !EqualsIgnoringCase(found, word.key)) continue;
    if (word.part) return &word;
    const std::size_t end = at + word.key.size();
    if (Parts(speech::At(word.key, 0), Before(text, at)) && Parts(Before(word.key, word.key.size()), speech::At(text, end)))
      return &word;
  }
  return nullptr;
}

std::string Dictionary::Apply(std::string_view text) const {
  std::string said;
  said.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Word* word = IsContinuation(text[at]) ? nullptr : At(text, at);
    if (word == nullptr) {
      said += text[at++];
      continue;
    }
    said += word->say;
    at += word->key.size();
  }
  return said;
}

Result<Dictionary> ReadDictionary(const std::filesystem::path& path) {
  HOSTLER_TRY(const std::string text, os::ReadFile(path, kLongestFile));
  return Dictionary::Read(text, path.string());
}

Result<std::shared_ptr<const Dictionary>> DictionaryFile::Read() const {
  HOSTLER_TRY(Dictionary dictionary, ReadDictionary(path_));
  return std::make_shared<const Dictionary>(std::move(dictionary));
}

std::shared_ptr<const Dictionary> DictionaryFile::Now(const std::function<void(const Error&)>& tell) {
  if (path_.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  std::error_code ec;
  Stamp stamp{std::filesystem::last_write_time(path_, ec), 0};
  if (!ec) stamp.size = std::filesystem::file_size(path_, ec);
  const auto now = ec ? std::nullopt : std::optional(stamp);
  if (looked_ && now == seen_) return dictionary_;
  looked_ = true;
  seen_ = now;
  if (auto read = Read())
    dictionary_ = *std::move(read);
  else
    tell(read.error());
  return dictionary_;
}

}  // namespace hostler::speech
