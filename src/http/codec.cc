#include "http/codec.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "base/text.h"

namespace hostler::http {

namespace beast = boost::beast::http;

namespace {

HeadFault Fault(unsigned status, std::string message, std::string remedy = "Send a request as RFC 9112 describes it") {
  const Code code = status == 413 || status == 431 ? Code::kTooLarge : Code::kInvalid;
  return HeadFault{status, Error{code, std::move(message), std::move(remedy), {}, {}}};
}

std::unexpected<HeadFault> Refuse(unsigned status, std::string message) {
  return std::unexpected(Fault(status, std::move(message)));
}

std::string_view View(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

constexpr std::array<bool, 256> kTokenChars = [] {
  std::array<bool, 256> is{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) is[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) is[static_cast<unsigned char>(c)] = is[static_cast<unsigned char>(c + 32)] = true;
  return is;
}();

bool IsTokenChar(char c) {
  return kTokenChars[static_cast<unsigned char>(c)];
}

std::optional<std::uint64_t> ParseLength(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (text.front() < '0' || text.front() > '9') return std::nullopt;
  return value;
}

struct Framing {
  bool chunked = false;
  std::optional<std::uint64_t> length;
};

// The one reading of Content-Length and Transfer-Encoding that nobody can dispute, or what is wrong.
std::expected<Framing, std::string> FramingOf(const Headers& headers, bool http_1_0) {
  Framing framing;
  std::size_t encodings = 0;
  std::size_t lengths = 0;
  std::string_view encoding;
  std::string_view length;
  for (const auto& [name, value] : headers) {
    if (EqualsIgnoringCase(name, "Transfer-Encoding")) {
      ++encodings;
      encoding = value;
    } else if (EqualsIgnoringCase(name, "Content-Length")) {
      ++lengths;
      length = value;
    }
  }
  if (encodings > 0) {
    if (encodings > 1 || !EqualsIgnoringCase(encoding, "chunked")) {
      return std::unexpected("the only Transfer-Encoding understood is chunked, once");
    }
    if (lengths > 0) return std::unexpected("Transfer-Encoding and Content-Length exclude each other");
    if (http_1_0) return std::unexpected("HTTP/1.0 has no Transfer-Encoding");
    framing.chunked = true;
  } else if (lengths > 0) {
    if (lengths > 1) return std::unexpected("more than one Content-Length");
    framing.length = ParseLength(length);
    if (!framing.length) return std::unexpected("Content-Length is not a number");
  }
  return framing;
}

// Beast's parser, keeping the fields as ours at once: its own container would only be copied from.
template <bool kRequest>
class HeadParser final : public beast::basic_parser<kRequest> {
 public:
  // REQUIRES: `head` ends with the blank line.
  boost::system::error_code Parse(std::string_view head) {
    this->header_limit(static_cast<std::uint32_t>(head.size() + 1));
    this->body_limit(boost::none);
    this->skip(true);
    boost::system::error_code ec;
    this->put(boost::asio::buffer(head.data(), head.size()), ec);
    if (!ec && !this->is_header_done()) ec = beast::error::partial_message;
    return ec;
  }

  std::string method;
  std::string target;
  unsigned status = 0;
  int version = 0;  // 11 is HTTP/1.1
  Headers headers;

 private:
  using Ec = boost::system::error_code;
  using Text = boost::beast::string_view;
  void on_request_impl(beast::verb, Text method_text, Text target_text, int number, Ec&) override {
    method = View(method_text);
    target = View(target_text);
    version = number;
  }
  void on_response_impl(int code, Text, int number, Ec&) override {
    status = static_cast<unsigned>(code);
    version = number;
  }
  void on_field_impl(beast::field, Text name, Text value, Ec&) override { headers.Add(View(name), View(value)); }
  // Bodies are not its business.
  void on_header_impl(Ec&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Ec&) override {}
  std::size_t on_body_impl(Text, Ec&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, Text, Ec&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text, Ec&) override { return 0; }
  void on_finish_impl(Ec&) override {}
};

// "HTTP/2.0" and the like deserve a clear 505; anything else at that place is just wrong.
bool IsOtherVersion(std::string_view head) {
  const std::string_view line = head.substr(0, head.find('\r'));
  const std::size_t space = line.rfind(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view version = line.substr(space + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return false;
  return version != "HTTP/1.1" && version != "HTTP/1.0";
}

// Digits, or nothing behind the colon (RFC 3986 allows that).
bool IsPort(std::string_view text) {
  unsigned port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  return text.empty() || (ec == std::errc() && end == text.data() + text.size() && port <= 65535);
}

// `name`, `name:port`, `[v6]:port`, and nothing that somebody could read as another name: what stands here decides who is meant.
bool IsAuthority(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string address(text.substr(1, end - 1));
    in6_addr parsed{};
    if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return false;
    text.remove_prefix(end + 1);
    return text.empty() || (text.front() == ':' && IsPort(text.substr(1)));
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto name_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return colon > 0 && std::ranges::all_of(text.substr(0, colon), name_char) &&
         (colon == text.size() || IsPort(text.substr(colon + 1)));
}

std::expected<void, HeadFault> CheckHost(const RequestHead& head) {
  const std::size_t hosts = head.headers.Count("Host");
  if (hosts > 1 || (hosts == 0 && !head.http_1_0)) return Refuse(400, "exactly one Host field is needed");
  if (hosts == 1 && !IsAuthority(head.headers.Get("Host"))) return Refuse(400, "Host is not a name or an address with a port");
  return {};
}

// The absolute form, as sent to a proxy: `http://name:port/path`. The name in it would count more than Host (RFC 9112, 3.2.2),
// but whoever looks at Host must see the same, so they may not differ. Returns where the path begins.
std::expected<std::size_t, HeadFault> TakeAuthority(RequestHead& head) {
  const std::string_view target = head.target;
  const std::size_t scheme = std::min(target.find("://"), target.size());
  if (!EqualsIgnoringCase(target.substr(0, scheme), "http") && !EqualsIgnoringCase(target.substr(0, scheme), "https"))
    return Refuse(400, "the request target is neither a path nor an http address");
  const std::size_t begin = scheme + 3;
  if (begin > target.size()) return Refuse(400, "the request target is not a path");
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  const std::string_view authority = target.substr(begin, end - begin);
  if (!IsAuthority(authority)) return Refuse(400, "the request target names no server");
  if (!head.headers.Has("Host")) head.headers.Add("Host", authority);
  if (!EqualsIgnoringCase(head.headers.Get("Host"), authority))
    return Refuse(400, "the request target and Host name different servers");
  return end;
}

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::expected<void, HeadFault> SplitTarget(RequestHead& head) {
  if (head.method_name == "CONNECT") return Refuse(400, "CONNECT is not served here");
  if (head.target.find('#') != std::string::npos) return Refuse(400, "a request target has no fragment");
  if (head.target == "*") {
    if (head.method != Method::kOptions) return Refuse(400, "the target * is for OPTIONS only");
    head.path = head.target;
    return {};
  }
  std::size_t begin = 0;
  if (!head.target.starts_with('/')) {
    auto end = TakeAuthority(head);
    if (!end) return std::unexpected(std::move(end).error());
    begin = *end;
  }
  const std::string_view target = head.target;
  const std::size_t mark = target.find('?', begin);
  if (mark != std::string_view::npos) head.query = mark + 1;
  const std::string_view path = target.substr(begin, mark == std::string_view::npos ? mark : mark - begin);
  auto decoded = PercentDecode(path.empty() ? std::string_view("/") : path);
  if (!decoded) return Refuse(400, "the path has a broken percent escape");
  if (std::ranges::any_of(*decoded, IsControl)) return Refuse(400, "the path has a control character");
  head.path = *std::move(decoded);
  return {};
}

std::expected<void, HeadFault> CheckRequest(RequestHead& head) {
  auto framing = FramingOf(head.headers, head.http_1_0);
  if (!framing) return std::unexpected(Fault(400, framing.error()));
  head.chunked = framing->chunked;
  head.length = framing->length;
  if (auto host = CheckHost(head); !host) return host;
  if (head.headers.Has("Expect") && !head.http_1_0) {
    if (head.headers.Count("Expect") > 1 || !EqualsIgnoringCase(head.headers.Get("Expect"), "100-continue"))
      return Refuse(417, "unknown expectation");
    head.expects_continue = true;
  }
  return SplitTarget(head);
}

}  // namespace

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, IsTokenChar);
}

bool IsFieldValue(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

std::expected<std::size_t, HeadFault> HeadScanner::Scan(std::string_view bytes, std::size_t limit) {
  for (; scanned_ < bytes.size(); ++scanned_) {
    if (scanned_ >= limit) {
      return std::unexpected(Fault(431, "the head of the request is too large",
                                   fmt::format("Send at most {} bytes of request line and header fields", limit)));
    }
    const char c = bytes[scanned_];
    if (c > ' ' && scanned_ > line_ && bytes[scanned_ - 1] != '\r') continue;  // nearly all of them
    if (c == '\0') return Refuse(400, "a NUL byte in the head");
    if (scanned_ > 0 && bytes[scanned_ - 1] == '\r' && c != '\n') return Refuse(400, "a CR without LF in the head");
    if (scanned_ == line_ && !first_line_ && (c == ' ' || c == '\t')) return Refuse(400, "a folded header line");
    if (c != '\n') continue;
    if (scanned_ == 0 || bytes[scanned_ - 1] != '\r') return Refuse(400, "a line of the head ends without CR");
    if (scanned_ - line_ == 1 && !first_line_) return ++scanned_;
    if (scanned_ - line_ > 1) first_line_ = false;  // empty lines before the first one are forgiven (RFC 9112, 2.2)
    line_ = scanned_ + 1;
  }
  return 0;
}

std::expected<RequestHead, HeadFault> ParseRequestHead(std::string_view head) {
  while (head.starts_with("\r\n")) head.remove_prefix(2);
  HeadParser<true> parser;
  const boost::system::error_code ec = parser.Parse(head);
  if (ec == beast::error::bad_version || (ec && IsOtherVersion(head))) {
    if (IsOtherVersion(head)) return Refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  if (ec) return Refuse(400, fmt::format("cannot read the head ({})", ec.message()));
  RequestHead out;
  out.http_1_0 = parser.version == 10;
  if (parser.version != 11 && parser.version != 10) return Refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  out.method_name = std::move(parser.method);
  out.method = MethodFromName(out.method_name);
  out.target = std::move(parser.target);
  out.keep_alive = parser.keep_alive();
  out.headers = std::move(parser.headers);
  if (auto checked = CheckRequest(out); !checked) return std::unexpected(std::move(checked).error());
  return out;
}

Result<ResponseHead> ParseResponseHead(std::string_view head) {
  HeadParser<false> parser;
  if (const boost::system::error_code ec = parser.Parse(head))
    return Fail(Code::kUpstream, fmt::format("cannot read the head of the answer ({})", ec.message()));
  ResponseHead out;
  out.status = parser.status;
  out.headers = std::move(parser.headers);
  out.keep_alive = parser.keep_alive();
  auto framing = FramingOf(out.headers, parser.version == 10);
  if (!framing) return Fail(Code::kUpstream, "the answer is framed wrongly: " + framing.error());
  out.chunked = framing->chunked;
  out.length = framing->length;
  return out;
}

bool HasToken(const Headers& headers, std::string_view field, std::string_view token) {
  for (const auto& [name, value] : headers) {
    if (!EqualsIgnoringCase(name, field)) continue;
    for (const std::string_view word : Split(value, ',')) {
      if (EqualsIgnoringCase(Trim(word), token)) return true;
    }
  }
  return false;
}

bool IsFramingField(std::string_view name) {
  constexpr std::string_view kFraming[] = {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"};
  return std::ranges::any_of(kFraming, [&](std::string_view field) { return EqualsIgnoringCase(field, name); });
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void AppendStatusLine(std::string& out, unsigned status) {
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(StatusText(status)).append("\r\n");
}

}  // namespace hostler::http
