// A models.toml of any bytes: it is read, or refused with a message that names the file; what was read makes a catalogue that is
// in order and can be searched.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <tuple>

#include "catalog/catalog.h"

namespace {

[[noreturn]] void Broken(const std::string& what) {
  std::fprintf(stderr, "catalog_fuzz: %s\n", what.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hostler;
  const auto source = catalog::ParseUserEntries({reinterpret_cast<const char*>(data), size}, "models.toml");
  if (!source) {
    if (source.error().message.find("models.toml") == std::string::npos)
      Broken("an error that does not name the file: " + source.error().Text());
    return 0;
  }
  const catalog::Catalogue once({*source});
  if (once.entries().size() != source->entries.size()) Broken("entries were lost or merged");
  const catalog::Catalogue twice({*source, *source});
  if (twice.entries().size() != once.entries().size()) Broken("the same entries twice do not become the same entries");
  for (const catalog::Entry& entry : once.entries()) {
    if (!model::ParseRepo(entry.repository)) Broken("no repository: " + entry.repository);
    if (once.Find(entry.id, entry.type) != &entry) Broken("cannot be found: " + entry.id);
    if (once.Search(entry.id).empty() && entry.id.size() < 200) Broken("cannot be searched: " + entry.id);
  }
  const auto key = [](const catalog::Entry& entry) {
    return std::make_tuple(json::EnumName(entry.type), entry.name.empty() ? entry.id : entry.name, entry.id);
  };
  if (!std::is_sorted(once.entries().begin(), once.entries().end(),
                      [&](const catalog::Entry& a, const catalog::Entry& b) { return key(a) < key(b); }))
    Broken("not in order");
  return 0;
}
