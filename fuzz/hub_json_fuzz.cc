// What a hub says about a repository: whatever is believed is safe to make files of.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/listing.h"

using namespace hostler;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto commit = hub::ParseInfo(text); commit && !model::IsCommit(*commit)) std::abort();
  if (hub::ErrorText(text).size() > 400) std::abort();
  const auto files = hub::ParseTree(text);
  if (!files) {
    if (files.error().message.empty() || files.error().remedy.empty()) std::abort();
    return 0;
  }
  for (const model::RepoFile& file : *files) {
    if (!model::IsFilePath(file.path)) std::abort();
    if (!file.etag().empty() && !model::IsEtag(file.etag())) std::abort();
  }
  return 0;
}
