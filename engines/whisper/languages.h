// Which languages whisper knows, and what people call them.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::whisper {

// Codes as whisper has them: ISO 639-1, and "haw", "jw", "yue".
[[nodiscard]] std::vector<std::string> Languages();

// From a code (BCP 47: "de", "de-AT") or an English name ("German"). "auto" and "" are "auto". kInvalid with the
// nearest name otherwise. `multilingual` false: English is all there is.
[[nodiscard]] Result<std::string> LanguageOf(std::string_view asked, bool multilingual);

// The code as BCP 47 has it ("jw" is Javanese, "jv").
[[nodiscard]] std::string TagOf(std::string_view code);

// Are words parted by blanks in it?
[[nodiscard]] bool PartsWords(std::string_view code);

}  // namespace hostler::whisper
