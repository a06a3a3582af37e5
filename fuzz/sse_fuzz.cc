// Event streams: the same events however they are cut into pieces, and what was parsed survives being formatted.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/sse.h"

using namespace hostler::http;

namespace {

std::vector<SseEvent> ParseIn(std::string_view bytes, std::size_t step) {
  std::vector<SseEvent> events;
  SseParser parser;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!parser.Feed(bytes.substr(at, step), [&](const SseEvent& event) { events.push_back(event); })) break;
  }
  return events;
}

bool Same(const SseEvent& a, const SseEvent& b) {
  return a.event == b.event && a.id == b.id && a.data == b.data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<SseEvent> whole = ParseIn(bytes, size + 1);
  const std::vector<SseEvent> single = ParseIn(bytes, 1);
  if (whole.size() != single.size()) std::abort();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (!Same(whole[i], single[i])) std::abort();
    const std::vector<SseEvent> again = ParseIn(FormatSse(whole[i]), 3);
    if (again.size() != 1 || !Same(again[0], whole[i])) std::abort();
  }
  return 0;
}
