// What both the room and its module need of outbound.h.
#include <algorithm>

#include "base/text.h"
#include "outbound/outbound.h"

namespace hostler::outbound {

std::string_view Get(const Fields& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (EqualsIgnoringCase(field.name, name)) return field.value;
  }
  return {};
}

std::string Shown(std::string_view url) {
  std::string text(url.substr(0, url.find_first_of("?#")));
  const std::size_t start = text.find("://");
  if (start != text.npos) {
    const std::size_t slash = std::min(text.find('/', start + 3), text.size());
    const std::size_t at = text.rfind('@', slash);
    if (at != text.npos && at > start && at < slash) text.erase(start + 3, at - start - 2);
  }
  return Clip(Printable(text), 300);
}

}  // namespace hostler::outbound
