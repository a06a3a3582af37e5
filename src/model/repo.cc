#include "model/repo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hostler::model {
namespace {

constexpr std::size_t kLongestName = 96;    // as the hub has it
constexpr std::size_t kLongestPath = 2048;  // leaves room for the cache's own folders below PATH_MAX
constexpr std::size_t kLongestPart = 255;   // NAME_MAX
constexpr std::string_view kSeparator = "--";

struct KindFolder {
  RepoKind kind;
  std::string_view prefix;
};
constexpr std::array<KindFolder, 4> kFolders{{{RepoKind::kModel, "models--"},
                                              {RepoKind::kDataset, "datasets--"},
                                              {RepoKind::kSpace, "spaces--"},
                                              {RepoKind::kKernel, "kernels--"}}};

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool IsHex(std::string_view text, std::size_t size) {
  return text.size() == size &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// What is wrong with one part of an id; empty if nothing is.
std::string_view Fault(std::string_view part) {
  if (part.empty()) return "has an empty part";
  if (part.size() > kLongestName) return "has a part of more than 96 characters";
  if (!std::ranges::all_of(part, [](char c) { return IsWord(c) || c == '-' || c == '.'; }))
    return "has a character other than letters, digits, '-', '_' and '.'";
  if (!IsWord(part.front()) || !IsWord(part.back())) return "has a part that begins or ends with '-' or '.'";
  return {};
}

std::string_view FaultOfId(std::string_view id) {
  if (id.empty()) return "is empty";
  const auto parts = Split(id, '/');
  if (parts.size() > 2) return "has more than one '/'";
  for (const std::string_view part : parts) {
    if (const auto fault = Fault(part); !fault.empty()) return fault;
  }
  if (id.contains("--") || id.contains("..")) return "has '--' or '..' in it";
  if (id.ends_with(".git")) return "ends in '.git'";
  return {};
}

// Relative, and no part that a file system would not take as it is.
bool IsPlainPath(std::string_view text) {
  if (text.empty() || text.size() > kLongestPath || HasControl(text) || text.contains('\\') || !Utf8Length(text)) return false;
  const auto parts = Split(text, '/');
  return std::ranges::all_of(
      parts, [](std::string_view part) { return !part.empty() && part.size() <= kLongestPart && part != "." && part != ".."; });
}

// Code points; a byte that is no UTF-8 stands for itself, beyond all characters.
std::u32string CodePoints(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t size = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (byte >= 0x80 && (i + size > text.size() || !Utf8Length(text.substr(i, size)))) {
      out += static_cast<char32_t>(0x110000 + byte);
      ++i;
      continue;
    }
    char32_t point = size == 1 ? byte : byte & (0xff >> (size + 1));
    for (std::size_t k = 1; k < size; ++k) point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3f);
    out += point;
    i += size;
  }
  return out;
}

// The `[…]` that begins at `at`: where it ends, or npos if it is none and the bracket stands for itself.
std::size_t EndOfSet(const std::u32string& pattern, std::size_t at) {
  std::size_t end = at + 1;
  if (end < pattern.size() && pattern[end] == U'!') ++end;
  if (end < pattern.size() && pattern[end] == U']') ++end;
  return pattern.find(U']', end);
}

bool InSet(std::u32string_view set, char32_t c) {
  const bool negated = set.starts_with(U'!');
  if (negated) set.remove_prefix(1);
  bool in = false;
  for (std::size_t i = 0; i < set.size() && !in;) {
    if (i + 2 < set.size() && set[i + 1] == U'-') {
      in = set[i] <= c && c <= set[i + 2];
      i += 3;
    } else {
      in = set[i++] == c;
    }
  }
  return in != negated;
}

bool MatchesPoints(const std::u32string& pattern, const std::u32string& path) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::u32string::npos;  // the last `*`, and where its run ends so far
  std::size_t run = 0;
  while (t < path.size()) {
    bool fits = false;
    std::size_t next = p + 1;
    if (p < pattern.size() && pattern[p] == U'*') {
      star = p++;
      run = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == U'[' && EndOfSet(pattern, p) != std::u32string::npos) {
      const std::size_t end = EndOfSet(pattern, p);
      fits = InSet(std::u32string_view(pattern).substr(p + 1, end - p - 1), path[t]);
      next = end + 1;
    } else if (p < pattern.size()) {
      fits = pattern[p] == U'?' || pattern[p] == path[t];
    }
    if (fits) {
      p = next;
      ++t;
    } else if (star != std::u32string::npos) {
      p = star + 1;
      t = ++run;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == U'*') ++p;
  return p == pattern.size();
}

}  // namespace

Result<Repo> ParseRepo(std::string_view id, RepoKind kind) {
  if (const auto fault = FaultOfId(id); !fault.empty()) {
    return Fail(Code::kInvalid, fmt::format("\"{}\" is no repository id: it {}", Clip(Printable(id), 200), fault),
                "Write it as the hub does: NAME or NAMESPACE/NAME.");
  }
  return Repo{kind, std::string(id)};
}

std::string FolderName(const Repo& repo) {
  std::string name;
  for (const auto& [kind, prefix] : kFolders) {
    if (kind == repo.kind) name = prefix;
  }
  for (const char c : repo.id) {
    if (c == '/')
      name += kSeparator;
    else
      name += c;
  }
  return name;
}

// Wider than ParseRepo: what another program once made must be shown and can be removed, as long as the name maps back.
std::optional<Repo> RepoOfFolder(std::string_view folder) {
  if (folder.contains('/') || folder.contains('\0') || folder.size() > kLongestPart) return std::nullopt;
  for (const auto& [kind, prefix] : kFolders) {
    if (!folder.starts_with(prefix)) continue;
    Repo repo{kind, {}};
    std::string_view rest = folder.substr(prefix.size());
    for (auto at = rest.find(kSeparator); at != std::string_view::npos; at = rest.find(kSeparator)) {
      repo.id.append(rest.substr(0, at)) += '/';
      rest.remove_prefix(at + kSeparator.size());
    }
    repo.id += rest;
    const auto parts = Split(repo.id, '/');
    if (std::ranges::any_of(parts, [](std::string_view part) { return part.empty() || part == "." || part == ".."; }))
      return std::nullopt;
    return repo;
  }
  return std::nullopt;
}

bool IsCommit(std::string_view text) {
  return IsHex(text, 40);
}

bool IsEtag(std::string_view text) {
  return IsHex(text, 40) || IsHex(text, 64);
}

bool IsRevision(std::string_view text) {
  return IsPlainPath(text) && !text.contains("..");
}

bool IsFilePath(std::string_view text) {
  return IsPlainPath(text);
}

bool Matches(std::string_view pattern, std::string_view path) {
  std::string slashed(pattern);
  std::ranges::replace(slashed, '\\', '/');
  if (slashed.ends_with('/')) slashed += '*';
  std::string subject(path);
  std::ranges::replace(subject, '\\', '/');
  return MatchesPoints(CodePoints(slashed), CodePoints(subject));
}

bool Selection::Picks(std::string_view path) const {
  const auto fits = [&](const std::string& pattern) { return Matches(pattern, path); };
  return (include.empty() || std::ranges::any_of(include, fits)) && std::ranges::none_of(exclude, fits);
}

}  // namespace hostler::model
