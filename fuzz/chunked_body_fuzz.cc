// Chunked bodies: the same content however they are cut into pieces, and never a byte that was not sent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/codec.h"

using namespace hostler::http;

namespace {

struct Outcome {
  std::string content;
  std::size_t consumed = 0;
  bool done = false;
  bool broken = false;
  bool operator==(const Outcome&) const = default;
};

Outcome DecodeIn(std::string_view bytes, std::size_t step) {
  Outcome outcome;
  const auto decoder = MakeChunkedDecoder();
  std::size_t known = 0;
  while (!decoder->done()) {
    const auto piece = decoder->Put(bytes.substr(outcome.consumed, known - outcome.consumed));
    if (!piece) {
      outcome.broken = true;
      outcome.consumed = 0;  // where exactly it broke depends on the pieces
      break;
    }
    if (piece->data.size() > piece->consumed) std::abort();
    outcome.content += piece->data;
    outcome.consumed += piece->consumed;
    if (piece->consumed > 0) continue;
    if (known == bytes.size()) break;
    known = std::min(bytes.size(), known + step);
  }
  outcome.done = decoder->done();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = DecodeIn(bytes, size + 1);
  if (!(whole == DecodeIn(bytes, 1)) || !(whole == DecodeIn(bytes, 7))) std::abort();
  if (whole.content.size() > size) std::abort();
  return 0;
}
