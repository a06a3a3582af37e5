// Any bytes as an ONNX file: what it says of itself, or a sentence that says why not, without reading outside of it. What is read
// of a file's beginning must not depend on what comes after it.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/text.h"
#include "engines/sherpa/onnx.h"

namespace {

using namespace hostler;

[[noreturn]] void Broken(const std::string& what) {
  std::fprintf(stderr, "onnx_fuzz: %s\n", what.c_str());
  std::abort();
}

Result<sherpa::Onnx> Read(std::string_view bytes) {
  auto onnx = sherpa::ReadOnnx("m.onnx", bytes.size(), [bytes](std::uint64_t offset, char* to, std::size_t size) {
    if (offset > bytes.size() || size > bytes.size() - offset) Broken("reads outside of the file");
    std::memcpy(to, bytes.data() + offset, size);
    return true;
  });
  if (!onnx &&
      (onnx.error().message.empty() || onnx.error().remedy.empty() || Printable(onnx.error().message) != onnx.error().message))
    Broken("an error that says nothing, or what no terminal should be given");
  return onnx;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = Read(bytes);
  const auto half = Read(bytes.substr(0, size / 2));
  if (!whole) return 0;
  if (whole->graph_bytes > size) Broken("a graph that is larger than its file");
  std::size_t metadata = 0;
  for (const auto& [key, text] : whole->metadata) metadata += key.size() + text.size();
  if (metadata > size) Broken("more metadata than bytes");
  if (half && half->graph_bytes > whole->graph_bytes) Broken("half has a larger graph than the whole");
  return 0;
}
