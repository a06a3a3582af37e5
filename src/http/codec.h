// HTTP/1.1 as bytes, without I/O: finding and checking heads, decoding bodies, writing heads. Internal to this room; only
// codec.cc sees Boost.Beast.
//
// Owner: a connection. Threads: plain values, any.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/http.h"

namespace hostler::http {

// What is wrong with a message, and the status that says so.
struct HeadFault {
  unsigned status = 400;
  Error error;
};

// Finds the end of a head in bytes that arrive bit by bit. Stricter than any parser behind it needs to be: what two programs
// could read differently (bare LF, folded lines, NUL) is refused, since that is what request smuggling is made of.
class HeadScanner {
 public:
  // `bytes` is everything received since the message began. Returns the size of the head with its blank line, 0 if more is
  // needed.
  [[nodiscard]] std::expected<std::size_t, HeadFault> Scan(std::string_view bytes, std::size_t limit);

 private:
  std::size_t scanned_ = 0;
  std::size_t line_ = 0;  // where the current line begins
  bool first_line_ = true;
};

struct RequestHead {
  Method method = Method::kOther;
  std::string method_name;
  std::string target;                     // as sent
  std::string path;                       // decoded, without query
  std::size_t query = std::string::npos;  // where in `target` the query begins, behind the question mark
  Headers headers;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  bool expects_continue = false;
  std::optional<std::uint64_t> length;  // declared
};

// REQUIRES: `head` is what HeadScanner found.
[[nodiscard]] std::expected<RequestHead, HeadFault> ParseRequestHead(std::string_view head);

struct ResponseHead {
  unsigned status = 0;
  Headers headers;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::uint64_t> length;
};

[[nodiscard]] Result<ResponseHead> ParseResponseHead(std::string_view head);

// Takes the framing off a body.
class BodyDecoder {
 public:
  struct Piece {
    std::size_t consumed = 0;  // bytes taken from the front
    std::string_view data;     // content among them, viewing the input
  };
  virtual ~BodyDecoder() = default;
  [[nodiscard]] virtual bool done() const = 0;
  // One step; nothing consumed and not done means that more bytes are needed behind these. REQUIRES: not done.
  [[nodiscard]] virtual Result<Piece> Put(std::string_view bytes) = 0;
  // The peer sent its last byte: is the body whole?
  [[nodiscard]] virtual bool PutEnd() { return done(); }
  // Bytes still to come, if that is known.
  [[nodiscard]] virtual std::optional<std::uint64_t> remaining() const { return std::nullopt; }
};

[[nodiscard]] std::unique_ptr<BodyDecoder> MakeLengthDecoder(std::uint64_t length);
[[nodiscard]] std::unique_ptr<BodyDecoder> MakeChunkedDecoder();
[[nodiscard]] std::unique_ptr<BodyDecoder> MakeUntilCloseDecoder();

// Framing that grows without content (chunk extensions, trailers) ends here; so does framing that grows much faster than it.
inline constexpr std::size_t kFramingLimit = 16 << 10;

// Is `token` among the comma-separated words of the field's values?
[[nodiscard]] bool HasToken(const Headers& headers, std::string_view field, std::string_view token);

[[nodiscard]] bool IsToken(std::string_view text);
// Could this be sent as the value of a field without becoming something else?
[[nodiscard]] bool IsFieldValue(std::string_view text);

// Fields that say where a message ends or what becomes of the connection: only this room writes them.
[[nodiscard]] bool IsFramingField(std::string_view name);

void AppendField(std::string& out, std::string_view name, std::string_view value);
void AppendStatusLine(std::string& out, unsigned status);

}  // namespace hostler::http
