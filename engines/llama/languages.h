// The languages that the speech models name, and their codes.
//
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace hostler::llama {

// "english" -> "en"; a name that is not known stays as it is.
[[nodiscard]] std::string LanguageCode(std::string_view name);
// "en", "en-GB", "English" -> "english"; anything else in small letters.
[[nodiscard]] std::string LanguageName(std::string_view code_or_name);

}  // namespace hostler::llama
