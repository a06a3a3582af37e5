// Text with marks from strangers: it is read or refused with the field and a remedy, never more than what came in, and its pauses
// stay within their bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "speech/ssml.h"

using namespace hostler;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto stretches = speech::ReadSsml(text);
  if (!stretches) {
    Require(stretches.error().field == "input" && !stretches.error().message.empty() && !stretches.error().remedy.empty());
    return 0;
  }
  std::size_t spoken = 0;
  double pauses = 0;
  Require(stretches->size() <= speech::kMostStretches + 1);
  for (const speech::Stretch& stretch : *stretches) {
    Require(stretch.pause_s >= 0);
    Require(!Utf8Length(text) || Utf8Length(stretch.text));
    Require(Trim(stretch.text) == stretch.text);
    spoken += stretch.text.size();
    pauses += stretch.pause_s;
  }
  Require(spoken > 0 && spoken <= 2 * size + 2);  // </p> is two lines' ends
  Require(pauses <= speech::kLongestPauses + 1e-9);
  return 0;
}
