// Fields and addresses that a hub or a content server sends. The first byte chooses which.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hub/headers.h"
#include "outbound/url.h"

using namespace hostler;

namespace {

void CheckRange(std::string_view text) {
  const auto range = hub::ParseContentRange(text);
  if (range && (range->from >= range->to || (range->total && *range->total < range->to))) std::abort();
}

void CheckUrl(std::string_view text) {
  const auto base = outbound::ParseUrl("https://user:secret@hub.example:444/a/b?c");
  if (const auto url = outbound::ParseUrl(text)) {
    const auto again = outbound::ParseUrl(url->Text());
    if (!again || !again->SameOrigin(*url) || again->target != url->target) std::abort();
  }
  if (const auto to = outbound::Follow(*base, text)) {
    const auto again = outbound::ParseUrl(to->Text());
    if (!again || !again->SameOrigin(*to)) std::abort();
  }
  const std::string shown = outbound::Shown(text);
  if (shown.find('?') != shown.npos && text.find_first_of("\x7f") == text.npos && outbound::ParseUrl(text)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (const auto next = hub::NextLink(text); next && (next->empty() || next->find('>') != next->npos)) std::abort();
      break;
    case 1: CheckRange(text); break;
    case 2: {
      const auto wait = hub::WaitAsked({{"RateLimit", std::string(text)}, {"Retry-After", std::string(text)}});
      if (wait && !(*wait >= 0)) std::abort();
      if (hub::BareEtag(text).size() > text.size()) std::abort();
      break;
    }
    default: CheckUrl(text);
  }
  return 0;
}
