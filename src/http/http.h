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

// A list of fields in their order; names compare without case. All their text lies in one string, since every request makes
// and copies several such lists.
class Headers {
 public:
  struct Field {  // views into the list: valid until it changes
    std::string_view name;
    std::string_view value;
  };

  Headers() = default;
  Headers(std::initializer_list<Field> fields) {
    for (const auto& [name, value] : fields) Add(name, value);
  }

  // The first value of that name, or empty.
  [[nodiscard]] std::string_view Get(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const;
  [[nodiscard]] std::size_t Count(std::string_view name) const;
  void Set(std::string_view name, std::string_view value);  // replaces every field of that name
  void Add(std::string_view name, std::string_view value);  // REQUIRES: no views into this list
  void Remove(std::string_view name);

  class Iterator;
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;
  [[nodiscard]] bool empty() const { return places_.empty(); }

 private:
  struct Place {  // of a name, with its value right behind
    std::uint32_t begin;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  [[nodiscard]] Field At(const Place& place) const {
    const char* name = text_.data() + place.begin;
    return {{name, place.name_size}, {name + place.name_size, place.value_size}};
  }

  std::string text_;
  std::vector<Place> places_;
};

class Headers::Iterator {
 public:
  using value_type = Field;
  using difference_type = std::ptrdiff_t;
  Iterator() = default;
  Iterator(const Headers* headers, std::size_t at) : headers_(headers), at_(at) {}
  Field operator*() const { return headers_->At(headers_->places_[at_]); }
  Iterator& operator++() {
    ++at_;
    return *this;
  }
  Iterator operator++(int) { return {headers_, at_++}; }
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const Headers* headers_ = nullptr;
  std::size_t at_ = 0;
};

inline Headers::Iterator Headers::begin() const {
  return {this, 0};
}
inline Headers::Iterator Headers::end() const {
  return {this, places_.size()};
}

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
