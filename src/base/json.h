// Typed structs <-> JSON over Boost.Describe. A struct lists its members with BOOST_DESCRIBE_STRUCT and needs nothing else.
//
//   std::optional<T>  may be missing or null; missing ones are not written
//   other members     are required
//   std::string       without NUL: a C library would read, and check, only what comes before it
//   numbers           finite; integers without a fraction and within their type
//   enum class        is written as its enumerators' names without the k: kProviderMissing <-> "provider_missing"
//   json::Any         any JSON value, passed on as it is
//
// A member whose wire name is a C++ keyword carries a trailing underscore (`default_`). Errors have the field's path:
// `data[7].files[1].size: expected integer, got string`. Threads: any; these are pure functions.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>

#include "base/result.h"
#include "base/text.h"

namespace hostler::json {

using Any = boost::json::value;

// What to do with a member that the struct does not have.
enum class Unknown { kError, kIgnore };

// Parses text (strict JSON, UTF-8, at most 32 levels deep, no duplicate keys and only finite numbers at any level) into a DOM.
[[nodiscard]] Result<Any> ParseDom(std::string_view text);

// `"text"` with escapes, appended to `out`. Broken UTF-8 becomes U+FFFD: what is written can always be read.
void AppendQuoted(std::string& out, std::string_view text);

// kProviderMissing -> provider_missing
[[nodiscard]] std::string WireName(std::string_view enumerator);

template <class T>
inline constexpr bool is_described = boost::describe::has_describe_members<T>::value;

// A member that is always written, as null when empty; an empty std::optional member is left out instead.
template <class T>
struct Nullable {
  std::optional<T> value;
  Nullable() = default;
  Nullable(T v) : value(std::move(v)) {}
  Nullable(std::nullopt_t) {}
  Nullable(std::optional<T> v) : value(std::move(v)) {}
  friend bool operator==(const Nullable&, const Nullable&) = default;
};

namespace detail {
template <class T>
struct IsNullable : std::false_type {};
template <class T>
struct IsNullable<Nullable<T>> : std::true_type {};
}  // namespace detail

namespace detail {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

inline std::string_view MemberName(const char* name) {
  std::string_view view(name);
  if (view.ends_with('_')) view.remove_suffix(1);
  return view;
}

Error Mismatch(std::string_view wanted, const Any& got);
Error UnknownField(std::string_view name, const std::vector<std::string>& known);
void Prefix(Error& error, const std::string& part);

}  // namespace detail

// The enumerators' wire names, in order.
template <class E>
[[nodiscard]] std::vector<std::string> EnumNames() {
  std::vector<std::string> names;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) { names.push_back(WireName(d.name)); });
  return names;
}

template <class E>
[[nodiscard]] std::string EnumName(E value) {
  std::string name = "unknown";
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (d.value == value) name = WireName(d.name);
  });
  return name;
}

template <class E>
[[nodiscard]] std::optional<E> EnumFromName(std::string_view name) {
  std::optional<E> value;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (WireName(d.name) == name) value = d.value;
  });
  return value;
}

// How members that the struct does not have are treated, and the paths of those that were ignored.
struct DecodeOptions {
  Unknown unknown = Unknown::kError;
  std::vector<std::string> ignored;
};

template <class T>
[[nodiscard]] Result<> Decode(const Any& value, T& out, DecodeOptions& options);

namespace detail {

template <class T>
Result<> DecodeNumber(const Any& value, T& out) {
  if (!value.is_number()) return Fail(Mismatch(std::is_integral_v<T> ? "integer" : "number", value));
  if constexpr (std::is_integral_v<T>) {
    boost::system::error_code ec;
    const T number = value.to_number<T>(ec);
    if (ec) return Fail(Code::kInvalid, "expected integer, got " + boost::json::serialize(value), "Send an integer.");
    out = number;
  } else {
    out = static_cast<T>(value.to_number<double>());
  }
  return {};
}

template <class T>
Result<> DecodeArray(const Any& value, std::vector<T>& out, DecodeOptions& options) {
  const auto* array = value.if_array();
  if (array == nullptr) return Fail(Mismatch("array", value));
  out.clear();
  out.reserve(array->size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    T item{};
    if (auto done = Decode((*array)[i], item, options); !done) {
      Prefix(done.error(), "[" + std::to_string(i) + "]");
      return done;
    }
    out.push_back(std::move(item));
  }
  return {};
}

template <class T>
Result<> DecodeStruct(const Any& value, T& out, DecodeOptions& options) {
  const auto* object = value.if_object();
  if (object == nullptr) return Fail(Mismatch("object", value));
  Result<> result;
  std::size_t seen = 0;
  boost::mp11::mp_for_each<Members<T>>([&](auto d) {
    if (!result) return;
    using Member = std::remove_cvref_t<decltype(out.*d.pointer)>;
    const std::string_view name = MemberName(d.name);
    if (const Any* member = object->if_contains(name)) {
      ++seen;
      if (result = Decode(*member, out.*d.pointer, options); !result) Prefix(result.error(), std::string(name));
    } else if constexpr (!IsOptional<Member>::value && !IsNullable<Member>::value) {
      result = Fail(Error{Code::kInvalid, "required field is missing", "Send it.", std::string(name), {}});
    }
  });
  if (!result || seen == object->size()) return result;
  std::vector<std::string> known;
  boost::mp11::mp_for_each<Members<T>>([&](auto d) { known.emplace_back(MemberName(d.name)); });
  for (const auto& member : *object) {
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) != known.end()) continue;
    if (options.unknown == Unknown::kError) return Fail(UnknownField(member.key(), known));
    options.ignored.emplace_back(member.key());
  }
  return {};
}

}  // namespace detail

template <class T>
Result<> Decode(const Any& value, T& out, DecodeOptions& options) {
  if constexpr (std::is_same_v<T, Any>) {
    out = value;
  } else if constexpr (detail::IsOptional<T>::value) {
    if (value.is_null()) {
      out.reset();
      return {};
    }
    return Decode(value, out.emplace(), options);
  } else if constexpr (detail::IsNullable<T>::value) {
    return Decode(value, out.value, options);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_bool()) return Fail(detail::Mismatch("boolean", value));
    out = value.get_bool();
  } else if constexpr (std::is_arithmetic_v<T>) {
    return detail::DecodeNumber(value, out);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) return Fail(detail::Mismatch("string", value));
    if (value.get_string().find('\0') != boost::json::string::npos)
      return Fail(Code::kInvalid, "the text has a NUL character in it", "Take it out.");
    out.assign(value.get_string().data(), value.get_string().size());
  } else if constexpr (std::is_enum_v<T>) {
    if (!value.is_string()) return Fail(detail::Mismatch("string", value));
    const auto found = EnumFromName<T>(value.get_string());
    if (!found) {
      return Fail(Code::kInvalid, "unknown value \"" + std::string(value.get_string()) + "\"",
                  "Use one of: " + Join(EnumNames<T>(), ", ") + ".");
    }
    out = *found;
  } else if constexpr (detail::IsVector<T>::value) {
    return detail::DecodeArray(value, out, options);
  } else if constexpr (detail::IsMap<T>::value) {
    const auto* object = value.if_object();
    if (object == nullptr) return Fail(detail::Mismatch("object", value));
    for (const auto& member : *object) {
      if (auto done = Decode(member.value(), out[std::string(member.key())], options); !done) {
        detail::Prefix(done.error(), std::string(member.key()));
        return done;
      }
    }
  } else {
    static_assert(is_described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
    return detail::DecodeStruct(value, out, options);
  }
  return {};
}

// Text -> struct. On success `ignored`, if given, holds the unknown fields that were passed over.
template <class T>
[[nodiscard]] Result<T> Parse(std::string_view text, Unknown unknown = Unknown::kError,
                              std::vector<std::string>* ignored = nullptr) {
  HOSTLER_TRY(const Any dom, ParseDom(text));
  DecodeOptions options{unknown, {}};
  T out{};
  HOSTLER_OK(Decode(dom, out, options));
  if (ignored != nullptr) *ignored = std::move(options.ignored);
  return out;
}

template <class T>
void Append(std::string& out, const T& value);

namespace detail {

template <class T>
void AppendNumber(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) {  // JSON has no NaN
      out += "null";
      return;
    }
    if (value == 0) value = 0;  // "-0" would be read back as the integer 0
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end.ptr);
}

template <class T>
void AppendStruct(std::string& out, const T& value) {
  out += '{';
  bool first = true;
  boost::mp11::mp_for_each<Members<T>>([&](auto d) {
    using Member = std::remove_cvref_t<decltype(value.*d.pointer)>;
    if constexpr (IsOptional<Member>::value) {
      if (!(value.*d.pointer)) return;
    }
    if (!first) out += ',';
    first = false;
    out += '"';
    out += MemberName(d.name);
    out += "\":";
    Append(out, value.*d.pointer);
  });
  out += '}';
}

}  // namespace detail

template <class T>
void Append(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, Any>) {
    out += boost::json::serialize(value);
  } else if constexpr (detail::IsOptional<T>::value) {
    if (value)
      Append(out, *value);
    else
      out += "null";
  } else if constexpr (detail::IsNullable<T>::value) {
    Append(out, value.value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_arithmetic_v<T>) {
    detail::AppendNumber(out, value);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    AppendQuoted(out, value);
  } else if constexpr (std::is_enum_v<T>) {
    AppendQuoted(out, EnumName(value));
  } else if constexpr (detail::IsVector<T>::value) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      Append(out, value[i]);
    }
    out += ']';
  } else if constexpr (detail::IsMap<T>::value) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : value) {
      if (!first) out += ',';
      first = false;
      AppendQuoted(out, key);
      out += ':';
      Append(out, item);
    }
    out += '}';
  } else {
    static_assert(is_described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
    detail::AppendStruct(out, value);
  }
}

template <class T>
[[nodiscard]] std::string ToJson(const T& value) {
  std::string out;
  Append(out, value);
  return out;
}

}  // namespace hostler::json
