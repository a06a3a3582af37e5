// The head of a request, as a stranger may send it: it must be read the same way however it is cut into pieces, and what is
// accepted must be framed without doubt.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/codec.h"

using namespace hostler::http;

namespace {

constexpr std::size_t kLimit = 4096;

void Require(bool holds) {
  if (!holds) std::abort();
}

// The size of the head or the status of the refusal, as one number.
long ScanIn(std::string_view bytes, std::size_t step) {
  HeadScanner scanner;
  for (std::size_t size = step; size < bytes.size() + step; size += step) {
    const auto found = scanner.Scan(bytes.substr(0, size), kLimit);
    if (!found) return -static_cast<long>(found.error().status);
    if (*found > 0) return static_cast<long>(*found);
  }
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const long whole = ScanIn(bytes, size + 1);
  Require(whole == ScanIn(bytes, 1));
  if (whole <= 0) return 0;
  const std::string_view head_bytes = bytes.substr(0, static_cast<std::size_t>(whole));
  const auto head = ParseRequestHead(head_bytes);
  if (head) {
    Require(!(head->chunked && head->length));
    Require(head->headers.Count("Content-Length") <= 1);
    Require(head->chunked == head->headers.Has("Transfer-Encoding"));
    Require(head->http_1_0 || head->headers.Count("Host") == 1);
    Require(head->path.starts_with('/') || head->path == "*");
    Require(head->path.find('\0') == std::string::npos);
    for (const auto& [name, value] : head->headers)
      Require(IsToken(name) && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    if (head->query != std::string::npos) static_cast<void>(Query(std::string_view(head->target).substr(head->query)));
  } else {
    Require(head.error().status >= 400 && head.error().status < 600);
  }
  static_cast<void>(ParseResponseHead(head_bytes));
  return 0;
}
