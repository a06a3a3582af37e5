// /openapi.json, made from the same structs that the routes decode and encode: it cannot say anything else than the code does.
//
// Built while the routes are added, then read only; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/json.h"
#include "http/http.h"

namespace hostler::api {

// What a person reads about a route.
struct Doc {
  std::string summary;
  std::string tag;                      // the dialect: "OpenAI", "Engine", "Voice", "Operations"
  std::vector<std::string> query = {};  // names of query parameters
  std::string answer_type = "application/json";
  std::string request_type = {};  // for bodies that are not JSON: "multipart/form-data"
};

class OpenApi {
 public:
  template <class T>
  void AddSchema() {
    (void)SchemaOf<T>();
  }

  void AddRoute(http::Method method, std::string_view pattern, const Doc& doc, const boost::json::value& request,
                const boost::json::value& answer);
  [[nodiscard]] std::string Text() const;

  // A JSON schema of T; structs are put under components/schemas and referred to. Cold, as all that runs once at the start:
  // compiled for size, it stays out of an idle daemon's memory.
  template <class T>
  [[gnu::cold]] boost::json::value SchemaOf();

 private:
  template <class T>
  [[gnu::cold]] boost::json::value StructSchema();

  // The struct's own name, or with its namespace before it where another struct has that name already.
  [[nodiscard]] std::string SchemaName(std::string_view type_name);

  std::map<std::string, boost::json::value> schemas_;
  std::map<std::string, std::string> types_;  // of each schema: the struct's full name
  boost::json::object paths_;
};

// hostler::wire::LoadReply -> LoadReply
[[nodiscard]] std::string PlainName(std::string_view type_name);

// A compiler-provided name of T.
template <class T>
[[nodiscard]] std::string_view TypeName() {
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(name.find("T = ") + 4);
  return name.substr(0, name.find_first_of(";]"));
}

template <class T>
boost::json::value OpenApi::SchemaOf() {
  using boost::json::object;
  if constexpr (std::is_same_v<T, json::Any>) {
    return object{};
  } else if constexpr (json::detail::IsOptional<T>::value) {
    return SchemaOf<typename T::value_type>();
  } else if constexpr (json::detail::IsNullable<T>::value) {
    return object{{"oneOf", boost::json::array{SchemaOf<std::remove_cvref_t<decltype(*T{}.value)>>(), object{{"type", "null"}}}}};
  } else if constexpr (std::is_same_v<T, bool>) {
    return object{{"type", "boolean"}};
  } else if constexpr (std::is_integral_v<T>) {
    return object{{"type", "integer"}};
  } else if constexpr (std::is_floating_point_v<T>) {
    return object{{"type", "number"}};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return object{{"type", "string"}};
  } else if constexpr (std::is_enum_v<T>) {
    boost::json::array names;
    for (const std::string& name : json::EnumNames<T>()) names.emplace_back(name);
    return object{{"type", "string"}, {"enum", std::move(names)}};
  } else if constexpr (json::detail::IsVector<T>::value) {
    return object{{"type", "array"}, {"items", SchemaOf<typename T::value_type>()}};
  } else if constexpr (json::detail::IsMap<T>::value) {
    return object{{"type", "object"}, {"additionalProperties", SchemaOf<typename T::mapped_type>()}};
  } else {
    const std::string name = SchemaName(TypeName<T>());
    if (!schemas_.contains(name)) {
      schemas_[name] = nullptr;  // known from here on, so that a struct may hold itself
      schemas_[name] = StructSchema<T>();
    }
    return object{{"$ref", "#/components/schemas/" + name}};
  }
}

template <class T>
boost::json::value OpenApi::StructSchema() {
  boost::json::object properties;
  boost::json::array required;
  boost::mp11::mp_for_each<json::detail::Members<T>>([&](auto d) {
    using Member = std::remove_cvref_t<decltype(std::declval<T&>().*d.pointer)>;
    const std::string name(json::detail::MemberName(d.name));
    properties[name] = SchemaOf<Member>();
    if constexpr (!json::detail::IsOptional<Member>::value) required.emplace_back(name);
  });
  boost::json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace hostler::api
