#include "api/openapi.h"

#include <fmt/format.h>

#include "api/errors.h"
#include "base/text.h"

namespace hostler::api {
namespace {

// `/v1/models/{id+}` -> `/v1/models/{id}`, and its parameters.
std::string OpenApiPath(std::string_view pattern, boost::json::array& parameters) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size();) {
    if (pattern[i] != '{') {
      path += pattern[i++];
      continue;
    }
    const std::size_t end = pattern.find('}', i);
    std::string_view name = pattern.substr(i + 1, end - i - 1);
    if (name.ends_with('+')) name.remove_suffix(1);
    path += fmt::format("{{{}}}", name);
    parameters.push_back(boost::json::object{
        {"name", name}, {"in", "path"}, {"required", true}, {"schema", boost::json::object{{"type", "string"}}}});
    i = end + 1;
  }
  return path;
}

boost::json::object Content(std::string_view type, boost::json::value schema) {
  return {{"content", boost::json::object{{type, boost::json::object{{"schema", std::move(schema)}}}}}};
}

}  // namespace

std::string PlainName(std::string_view type_name) {
  const std::size_t colon = type_name.rfind(':');
  return std::string(colon == std::string_view::npos ? type_name : type_name.substr(colon + 1));
}

std::string OpenApi::SchemaName(std::string_view type_name) {
  std::string name = PlainName(type_name);
  std::string_view space = type_name;
  while (!types_.try_emplace(name, type_name).second && types_[name] != type_name) {
    space = space.substr(0, space.rfind("::"));
    if (space.ends_with("(anonymous namespace)")) space = space.substr(0, space.rfind("::"));
    name = PlainName(space) + "." + name;
  }
  return name;
}

void OpenApi::AddRoute(http::Method method, std::string_view pattern, const Doc& doc, const boost::json::value& request,
                       const boost::json::value& answer) {
  boost::json::array parameters;
  const std::string path = OpenApiPath(pattern, parameters);
  for (const std::string& name : doc.query) {
    parameters.push_back(boost::json::object{
        {"name", name}, {"in", "query"}, {"required", false}, {"schema", boost::json::object{{"type", "string"}}}});
  }
  boost::json::object good =
      answer.is_null() ? Content(doc.answer_type, boost::json::object{{"type", "string"}}) : Content(doc.answer_type, answer);
  good["description"] = "as asked";
  boost::json::object bad = Content("application/json", SchemaOf<ErrorEnvelope>());
  bad["description"] = "what was wrong, where, and what to do";
  boost::json::object operation{{"summary", doc.summary},
                                {"tags", boost::json::array{doc.tag}},
                                {"responses", boost::json::object{{"200", std::move(good)}, {"default", std::move(bad)}}}};
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  if (!request.is_null()) {
    boost::json::object body = Content(doc.request_type.empty() ? "application/json" : doc.request_type, request);
    body["required"] = true;
    operation["requestBody"] = std::move(body);
  }
  if (!paths_.contains(path)) paths_[path] = boost::json::object{};
  paths_[path].as_object()[Lower(http::MethodName(method))] = std::move(operation);
}

std::string OpenApi::Text() const {
  boost::json::object schemas;
  for (const auto& [name, schema] : schemas_) schemas[name] = schema;
  const boost::json::object document{
      {"openapi", "3.1.0"},
      {"info",
       boost::json::object{{"title", "hostler"}, {"version", HOSTLER_VERSION}, {"description", "Self-hosted model server"}}},
      {"paths", paths_},
      {"components", boost::json::object{{"schemas", std::move(schemas)}}}};
  return boost::json::serialize(document);
}

}  // namespace hostler::api
