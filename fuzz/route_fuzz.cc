// The target of a request: split into path and query, decoded, looked up. Whatever comes, a route's parameters are pieces of the
// path, never empty, never a way up, and without NUL.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/codec.h"
#include "http/router.h"

using namespace hostler;
using namespace hostler::http;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

const Router& TheRouter() {
  static const Router router = [] {
    Router made;
    const Handler handler = [](Exchange&) -> Task<> { co_return; };
    for (const std::string_view pattern : {"/", "/models", "/models/load", "/v1/models/{id+}", "/api/models/{id+}/status",
                                           "/api/models/{id+}", "/api/crashes/{id}", "/api/{kind}/{id}/x"}) {
      made.Add(Method::kGet, pattern, handler);
    }
    made.Add(Method::kPost, "/models/load", handler);
    return made;
  }();
  return router;
}

void LookUp(std::string_view path) {
  const Router::Match match = TheRouter().Find(Method::kGet, path);
  Require(TheRouter().Find(Method::kHead, path).handler == match.handler);
  Require(match.handler == nullptr || match.allowed.empty());
  for (const auto& [name, value] : match.params) {
    Require(!name.empty() && !value.empty() && path.find(value) != std::string_view::npos);
    for (const std::string_view segment : Split(value, '/')) Require(!segment.empty() && segment != "." && segment != "..");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  LookUp(text);
  for (const auto& [name, value] : Query(text).pairs()) static_cast<void>(name.size() + value.size());
  if (const auto decoded = PercentDecode(text)) {
    Require(text.contains('\0') || !decoded->contains('\0'));
    if (!decoded->contains('\0')) Require(PercentDecode(PercentEncode(*decoded)) == *decoded);  // an encoded NUL is refused
  }
  std::string head = "GET ";
  head.append(text).append(" HTTP/1.1\r\nHost: localhost\r\n\r\n");
  if (const auto parsed = ParseRequestHead(head)) {
    Require(parsed->path.starts_with('/') || parsed->path == "*");
    Require(!parsed->path.contains('\0'));
    LookUp(parsed->path);
  }
  return 0;
}
