// Forms with files, as they are sent.
//
// Internal to this room. Main thread only.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "http/client.h"

namespace hostler::cli {

// multipart/form-data as in RFC 7578; names are escaped as browsers do.
class FormWriter {
 public:
  void Field(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    body_ += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", boundary_, name);
    body_ += value;
    body_ += "\r\n";
  }
  void File(std::string_view name, std::string_view filename, std::string_view content) {
    body_ += fmt::format(
        "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        boundary_, name, Escaped(filename));
    body_ += content;
    body_ += "\r\n";
  }
  [[nodiscard]] http::Request Finish(std::string target) && {
    http::Request request;
    request.method = http::Method::kPost;
    request.target = std::move(target);
    request.headers.Set("Content-Type", "multipart/form-data; boundary=" + boundary_);
    request.body = std::move(body_) + "--" + boundary_ + "--\r\n";
    return request;
  }

 private:
  static std::string Escaped(std::string_view name) {
    std::string out;
    for (const char c : name) out += c == '"' ? "%22" : c == '\r' ? "%0D" : c == '\n' ? "%0A" : std::string(1, c);
    return out;
  }

  const std::string boundary_ = "hostler-" + RandomHex(32);
  std::string body_;
};

}  // namespace hostler::cli
