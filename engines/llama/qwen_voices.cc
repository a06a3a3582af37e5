#include "engines/llama/qwen_voices.h"

#include <cctype>

namespace hostler::llama {
namespace {

struct Known {
  std::string_view speaker, language, gender, description, dialect;
};
constexpr Known kKnown[] = {
    {"vivian", "zh", "female", "bright, slightly edgy, young", ""},
    {"serena", "zh", "female", "warm, gentle, young", ""},
    {"uncle_fu", "zh", "male", "seasoned, low and mellow", ""},
    {"dylan", "zh", "male", "youthful, clear, natural; of Beijing", "beijing_dialect"},
    {"eric", "zh", "male", "lively, slightly husky; of Chengdu", "sichuan_dialect"},
    {"ryan", "en", "male", "dynamic, with a strong rhythm", ""},
    {"aiden", "en", "male", "sunny, with a clear midrange; American", ""},
    {"ono_anna", "ja", "female", "playful, light and nimble", ""},
    {"sohee", "ko", "female", "warm, with rich emotion", ""},
};

// "ono_anna" -> "Ono_Anna"
std::string Title(std::string_view speaker) {
  std::string title(speaker);
  bool begins = true;
  for (char& c : title) {
    if (begins) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    begins = c == '_';
  }
  return title;
}

}  // namespace

QwenVoice DescribeQwenVoice(std::string_view speaker) {
  const std::string title = Title(speaker);
  for (const Known& known : kKnown) {
    if (known.speaker != speaker) continue;
    return {{title, title, std::string(known.language), std::string(known.gender)},
            std::string(known.description),
            std::string(known.dialect)};
  }
  return {{title, title, "", "unknown"}, "", ""};
}

}  // namespace hostler::llama
