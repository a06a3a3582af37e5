#include "engines/whisper/languages.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <whisper.h>

#include "base/text.h"

namespace hostler::whisper {
namespace {

// whisper's name of a language, or what it is called elsewhere.
struct Alias {
  std::string_view asked;
  std::string_view code;
};
constexpr std::array<Alias, 12> kAliases = {{{"jv", "jw"},
                                             {"iw", "he"},
                                             {"nb", "no"},
                                             {"fil", "tl"},
                                             {"cmn", "zh"},
                                             {"mandarin", "zh"},
                                             {"castilian", "es"},
                                             {"flemish", "nl"},
                                             {"burmese", "my"},
                                             {"farsi", "fa"},
                                             {"moldovan", "ro"},
                                             {"valencian", "ca"}}};

std::string Shown(std::string_view asked) {
  return Clip(Printable(asked), 60);
}

// The code of a language, or empty.
std::string CodeOf(const std::string& asked) {
  for (const Alias& alias : kAliases) {
    if (alias.asked == asked) return std::string(alias.code);
  }
  for (int id = 0; id <= whisper_lang_max_id(); ++id) {
    if (asked == whisper_lang_str(id) || asked == whisper_lang_str_full(id)) return whisper_lang_str(id);
  }
  return "";
}

std::string NearestTo(const std::string& asked) {
  std::vector<std::string> known;
  for (int id = 0; id <= whisper_lang_max_id(); ++id) {
    known.emplace_back(whisper_lang_str_full(id));
  }
  const std::string near = Nearest(asked, known);
  return near.empty() ? "" : CodeOf(near);
}

}  // namespace

std::vector<std::string> Languages() {
  std::vector<std::string> codes;
  for (int id = 0; id <= whisper_lang_max_id(); ++id) codes.emplace_back(TagOf(whisper_lang_str(id)));
  std::sort(codes.begin(), codes.end());
  return codes;
}

Result<std::string> LanguageOf(std::string_view asked, bool multilingual) {
  const std::string lower = Lower(Trim(asked));
  if (lower.empty() || lower == "auto") return multilingual ? "auto" : "en";
  std::string code = CodeOf(lower);
  if (code.empty()) code = CodeOf(lower.substr(0, lower.find_first_of("-_")));  // de-AT
  if (code.empty()) {
    const std::string near = NearestTo(lower);
    return Fail(Error{Code::kInvalid, fmt::format("whisper does not know a language \"{}\"", Shown(asked)),
                      near.empty()
                          ? "Use a code such as en or pt-BR, an English name, or leave it out: then it is found out."
                          : fmt::format("Did you mean {} ({})?", near, whisper_lang_str_full(whisper_lang_id(near.c_str())))}
                    .At("language"));
  }
  if (!multilingual && code != "en") {
    return Fail(Error{Code::kUnsupported, fmt::format("this model hears English only, not \"{}\"", Shown(asked)),
                      "Use a whisper model without .en in its name."}
                    .At("language"));
  }
  return code;
}

std::string TagOf(std::string_view code) {
  return std::string(code == "jw" ? "jv" : code);
}

bool PartsWords(std::string_view code) {
  constexpr std::array<std::string_view, 6> kTogether = {"zh", "ja", "th", "lo", "my", "yue"};
  return std::find(kTogether.begin(), kTogether.end(), code) == kTogether.end();
}

}  // namespace hostler::whisper
