#include "engines/llama/languages.h"

#include "base/text.h"

namespace hostler::llama {
namespace {

struct Language {
  std::string_view code;  // BCP 47
  std::string_view name;
};
constexpr Language kLanguages[] = {{"zh", "chinese"},    {"en", "english"}, {"de", "german"},   {"it", "italian"},
                                   {"pt", "portuguese"}, {"es", "spanish"}, {"ja", "japanese"}, {"ko", "korean"},
                                   {"fr", "french"},     {"ru", "russian"}};

}  // namespace

std::string LanguageCode(std::string_view name) {
  for (const Language& language : kLanguages) {
    if (language.name == name) return std::string(language.code);
  }
  return std::string(name);
}

std::string LanguageName(std::string_view code_or_name) {
  const std::string wanted = Lower(code_or_name);
  const std::string_view primary = std::string_view(wanted).substr(0, wanted.find('-'));
  for (const Language& language : kLanguages) {
    if (language.code == primary) return std::string(language.name);
  }
  return wanted;
}

}  // namespace hostler::llama
