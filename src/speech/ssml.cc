#include "speech/ssml.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::speech {
namespace {

std::unexpected<Error> Wrong(std::string message, std::string remedy) {
  return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), "input", "validation_error"});
}

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsName(char c) {
  return IsNameStart(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':';
}
bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void AppendUtf8(std::string& out, std::uint32_t c) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// "#233", "#xE9", "amp": what it stands for; nothing if that is no character that can be spoken.
std::optional<std::string> Entity(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kNamed = {
      {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}}};
  for (const auto& [known, text] : kNamed) {
    if (name == known) return std::string(text);
  }
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const bool hexadecimal = name.starts_with('x');
  if (hexadecimal) name.remove_prefix(1);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  const bool speakable =
      value == '\t' || value == '\n' || (value >= 0x20 && value < 0xD800) || (value > 0xDFFF && value <= 0x10FFFF);
  if (!speakable) return std::nullopt;
  std::string text;
  AppendUtf8(text, value);
  return text;
}

struct Tag {
  std::string name;                                             // "/p" for an end; small letters
  std::vector<std::pair<std::string, std::string>> attributes;  // names in small letters
  [[nodiscard]] std::optional<std::string> Get(std::string_view attribute) const {
    for (const auto& [name, value] : attributes) {
      if (name == attribute) return value;
    }
    return std::nullopt;
  }
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<Stretch>> Read() {
    while (at_ < text_.size()) {
      if (text_[at_] == '<') {
        HOSTLER_OK(Markup());
      } else if (text_[at_] == '&') {
        TakeEntity();
      } else {
        spoken_ += text_[at_++];
      }
    }
    EndStretch(0);
    const bool speaks = std::ranges::any_of(stretches_, [](const Stretch& stretch) { return !stretch.text.empty(); });
    if (!speaks) return Wrong("there is nothing to say in the SSML", "Put text between its tags.");
    return std::move(stretches_);
  }

 private:
  // What begins with "<" and is no markup is text: 3 < 4.
  Result<> Markup() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<!--")) return Skip("-->", "comment");
    if (rest.starts_with("<?")) return Skip("?>", "processing instruction");
    if (rest.starts_with("<![CDATA[")) return TakeCdata();
    if (rest.starts_with("<!")) return Skip(">", "declaration");
    const char next = rest.size() > 1 ? rest[1] : ' ';
    if (next == '/' || IsNameStart(next)) return TakeTag();
    spoken_ += text_[at_++];
    return {};
  }

  Result<> Unclosed(std::string_view what) const {
    return Wrong(fmt::format("the {} at character {} has no end", what, Utf8Length(text_.substr(0, at_)).value_or(at_) + 1),
                 "Close it, or write &lt; for a less-than sign.");
  }

  Result<> Skip(std::string_view end, std::string_view what) {
    const std::size_t found = text_.find(end, at_ + 2);
    if (found == std::string_view::npos) return Unclosed(what);
    at_ = found + end.size();
    return {};
  }

  Result<> TakeCdata() {
    constexpr std::string_view kBegin = "<![CDATA[";
    constexpr std::string_view kEnd = "]]>";
    const std::size_t found = text_.find(kEnd, at_);
    if (found == std::string_view::npos) return Unclosed("CDATA section");
    spoken_ += text_.substr(at_ + kBegin.size(), found - at_ - kBegin.size());
    at_ = found + kEnd.size();
    return {};
  }

  // An ampersand that begins nothing known is an ampersand.
  void TakeEntity() {
    constexpr std::size_t kLongest = 12;
    const std::size_t end = text_.substr(at_, kLongest).find(';');
    const auto meant = end == std::string_view::npos ? std::nullopt : Entity(text_.substr(at_ + 1, end - 1));
    spoken_ += meant.value_or("&");
    at_ += meant ? end + 1 : 1;
  }

  Result<> TakeTag() {
    const std::size_t begin = at_;
    Tag tag;
    std::size_t at = at_ + 1;
    const auto name = [&] {
      const std::size_t from = at;
      while (at < text_.size() && IsName(text_[at])) ++at;
      return Lower(text_.substr(from, at - from));
    };
    const auto skip_space = [&] {
      while (at < text_.size() && IsSpace(text_[at])) ++at;
    };
    if (text_[at] == '/') {
      ++at;
      tag.name = "/";
    }
    tag.name += name();
    for (skip_space(); at < text_.size() && text_[at] != '>'; skip_space()) {
      std::string attribute = name();
      if (attribute.empty()) {  // the slash of <break/>, or junk
        ++at;
        continue;
      }
      skip_space();
      std::string value;
      if (at < text_.size() && text_[at] == '=') {
        ++at;
        skip_space();
        const char quote = at < text_.size() ? text_[at] : ' ';
        const std::size_t end = quote == '"' || quote == '\'' ? text_.find(quote, at + 1) : std::string_view::npos;
        if (end == std::string_view::npos) return Unclosed("tag");
        value = text_.substr(at + 1, end - at - 1);
        at = end + 1;
      }
      tag.attributes.emplace_back(std::move(attribute), std::move(value));
    }
    if (at >= text_.size()) return Unclosed("tag");
    at_ = at + 1;
    return Apply(tag, begin);
  }

  Result<> Apply(const Tag& tag, std::size_t begin) {
    if (tag.name == "/p" || tag.name == "/paragraph") {
      spoken_ += "\n\n";
    } else if (tag.name == "/s" || tag.name == "/sentence" || tag.name == "p" || tag.name == "s") {
      spoken_ += '\n';
    } else if (tag.name == "break") {
      const auto pause = PauseOf(tag);
      if (!pause) {
        return Wrong(fmt::format("the break at character {} has no time or strength that is known",
                                 Utf8Length(text_.substr(0, begin)).value_or(begin) + 1),
                     "Write time=\"500ms\" or time=\"1.5s\", at most 10 s; or strength=\"none\" to \"x-strong\".");
      }
      pauses_ += *pause;
      if (pauses_ > kLongestPauses)
        return Wrong(fmt::format("the breaks are longer than {} s together", kLongestPauses), "Shorten them, or split the text.");
      EndStretch(*pause);
      if (stretches_.size() > kMostStretches)
        return Wrong(fmt::format("there are more than {} breaks", kMostStretches), "Split the text.");
    }
    return {};
  }

  static std::optional<double> PauseOf(const Tag& tag) {
    if (const auto time = tag.Get("time")) {
      std::string_view text = Trim(*time);
      const bool milliseconds = text.ends_with("ms");
      if (!text.ends_with('s')) return std::nullopt;
      text.remove_suffix(milliseconds ? 2 : 1);
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
      if (milliseconds) value /= 1000;
      return value >= 0 && value <= kLongestPause ? std::optional(value) : std::nullopt;
    }
    constexpr std::array<std::pair<std::string_view, double>, 6> kStrengths = {
        {{"none", 0}, {"x-weak", 0.1}, {"weak", 0.25}, {"medium", 0.5}, {"strong", 0.75}, {"x-strong", 1}}};
    const std::string strength = tag.Get("strength").value_or("medium");
    for (const auto& [name, seconds] : kStrengths) {
      if (strength == name) return seconds;
    }
    return std::nullopt;
  }

  // A break without a pause still parts two words.
  void EndStretch(double pause_s) {
    const std::string text(Trim(spoken_));
    if (pause_s == 0 && at_ < text_.size()) {
      spoken_ += ' ';
      return;
    }
    spoken_.clear();
    if (text.empty() && !stretches_.empty())
      stretches_.back().pause_s += pause_s;
    else if (!text.empty() || pause_s > 0)
      stretches_.push_back({text, pause_s});
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::string spoken_;  // of the stretch that is read
  double pauses_ = 0;
  std::vector<Stretch> stretches_;
};

}  // namespace

Result<std::vector<Stretch>> ReadSsml(std::string_view ssml) {
  return Reader(ssml).Read();
}

}  // namespace hostler::speech
