// A pronunciation dictionary and a text, parted by the first NUL: the dictionary is read or refused with a message that names the
// file; what it makes of the text is bounded, and a text in UTF-8 stays one. The first byte chooses TOML or JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "speech/dictionary.h"

using namespace hostler;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string name = data[0] % 2 == 0 ? "words.toml" : "words.json";
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t end = std::min(all.find('\0'), all.size());
  const std::string_view text = all.substr(std::min(end + 1, all.size()));
  const auto dictionary = speech::Dictionary::Read(all.substr(0, end), name);
  if (!dictionary) {
    Require(dictionary.error().message.contains(name));
    return 0;
  }
  const std::string said = dictionary->Apply(text);
  Require(said.size() <= text.size() * speech::Dictionary::kLongestText);
  Require(!Utf8Length(text) || Utf8Length(said));
  if (dictionary->size() == 0) Require(said == text);
  return 0;
}
