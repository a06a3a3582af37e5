// The words of HTTP/1.1 that both sides share. No Asio, no Beast in here: route files include this and stay quick to compile.
//
// Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hostler::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

[[nodiscard]] std::string_view MethodName(Method method);
[[nodiscard]] Method MethodFromName(std::string_view name);
[[nodiscard]] std::string_view StatusText(unsigned status);

// A list of fields in their order; names compare without case.
class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;
  };

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  // The first value of that name, or empty.
  [[nodiscard]] std::string_view Get(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const;
  [[nodiscard]] std::size_t Count(std::string_view name) const;
  void Set(std::string_view name, std::string_view value);  // replaces every field of that name
  void Add(std::string_view name, std::string_view value);
  void Remove(std::string_view name);

  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  [[nodiscard]] bool empty() const { return fields_.empty(); }

 private:
  std::vector<Field> fields_;
};

// Splits `a=1&b=two%20words`; a broken escape leaves the value as it was sent.
class Query {
 public:
  Query() = default;
  explicit Query(std::string_view text);
  [[nodiscard]] std::optional<std::string> Get(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

struct Response {
  unsigned status = 200;
  Headers headers;
  std::string body;
};

[[nodiscard]] Response JsonResponse(std::string body, unsigned status = 200);
[[nodiscard]] Response TextResponse(std::string body, std::string_view type = "text/plain; charset=utf-8", unsigned status = 200);

// The media type of a Content-Type value without parameters, in lower case: `text/event-stream`.
[[nodiscard]] std::string MediaType(std::string_view content_type);

// A body can be read as it comes. kUnsupported (unsupported_media_type) if it is compressed: nothing here unpacks bodies, and
// what they would become has no bound.
[[nodiscard]] Result<> CheckBodyEncoding(const Headers& headers);

}  // namespace hostler::http
