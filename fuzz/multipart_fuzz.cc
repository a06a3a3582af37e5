// Forms: the same parts however the body is cut into pieces. The first byte is the size of the pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/multipart.h"

using namespace hostler;
using namespace hostler::http;

namespace {

std::string ParseIn(std::string_view bytes, std::size_t step) {
  std::string out;
  MultipartParser::Limits limits;
  limits.parts = 10;
  limits.part_head = 300;
  MultipartParser parser("B",
                         {[&](PartHead head) -> Result<> {
                            out += "<" + head.name + "|" + head.filename + "|" + head.content_type + ">";
                            return {};
                          },
                          [&](std::string_view data) -> Result<> {
                            if (data.empty()) std::abort();
                            out += data;
                            return {};
                          },
                          [&]() -> Result<> {
                            out += "</>";
                            return {};
                          }},
                         limits);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!parser.Feed(bytes.substr(at, step))) return "broken";
  }
  return parser.Finish() ? out : "unfinished";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = ParseIn(bytes, size);
  const std::string pieces = ParseIn(bytes, data[0] + std::size_t{1});
  if (whole != pieces) std::abort();
  static_cast<void>(MultipartParser::BoundaryOf(bytes));
  static_cast<void>(MultipartParser::BoundaryOf(std::string("multipart/form-data;") + std::string(bytes)));
  return 0;
}
