#include "http/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace hostler::http {

namespace {

constexpr std::pair<Method, std::string_view> kMethods[] = {
    {Method::kGet, "GET"},     {Method::kHead, "HEAD"},     {Method::kPost, "POST"},      {Method::kPut, "PUT"},
    {Method::kPatch, "PATCH"}, {Method::kDelete, "DELETE"}, {Method::kOptions, "OPTIONS"}};

std::string DecodeOrKeep(std::string_view text) {
  if (auto decoded = PercentDecode(text, true)) return *std::move(decoded);
  return std::string(text);
}

}  // namespace

std::string_view MethodName(Method method) {
  for (const auto& [value, name] : kMethods) {
    if (value == method) return name;
  }
  return "OTHER";
}

Method MethodFromName(std::string_view name) {
  for (const auto& [value, known] : kMethods) {
    if (known == name) return value;
  }
  return Method::kOther;
}

std::string_view StatusText(unsigned status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "Status";
  }
}

std::string_view Headers::Get(std::string_view name) const {
  for (const Field field : *this) {
    if (EqualsIgnoringCase(field.name, name)) return field.value;
  }
  return {};
}

bool Headers::Has(std::string_view name) const {
  return Count(name) > 0;
}

std::size_t Headers::Count(std::string_view name) const {
  std::size_t count = 0;
  for (const Field field : *this) count += EqualsIgnoringCase(field.name, name) ? 1 : 0;
  return count;
}

void Headers::Set(std::string_view name, std::string_view value) {
  const std::string own_name(name);  // both may view a field of this list
  const std::string own_value(value);
  Remove(own_name);
  Add(own_name, own_value);
}

void Headers::Add(std::string_view name, std::string_view value) {
  constexpr std::size_t kUsual = 512;  // few heads have more
  if (text_.empty()) {
    text_.reserve(kUsual);
    places_.reserve(8);
  }
  places_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

void Headers::Remove(std::string_view name) {
  std::erase_if(places_, [&](const Place& place) { return EqualsIgnoringCase(At(place).name, name); });
}

Query::Query(std::string_view text) {
  if (text.empty()) return;
  for (const std::string_view pair : Split(text, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      pairs_.emplace_back(DecodeOrKeep(pair), std::string());
    } else {
      pairs_.emplace_back(DecodeOrKeep(pair.substr(0, equals)), DecodeOrKeep(pair.substr(equals + 1)));
    }
  }
}

std::optional<std::string> Query::Get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Response JsonResponse(std::string body, unsigned status) {
  return TextResponse(std::move(body), "application/json", status);
}

Response TextResponse(std::string body, std::string_view type, unsigned status) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", type);
  response.body = std::move(body);
  return response;
}

std::string MediaType(std::string_view content_type) {
  return Lower(Trim(content_type.substr(0, content_type.find(';'))));
}

Result<> CheckBodyEncoding(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!EqualsIgnoringCase(name, "Content-Encoding") || value.empty() || EqualsIgnoringCase(value, "identity")) continue;
    return Fail(Error{Code::kUnsupported,
                      fmt::format("the body has the content encoding {}", value),
                      "Send it uncompressed, without Content-Encoding.",
                      {},
                      "unsupported_media_type"});
  }
  return {};
}

}  // namespace hostler::http
