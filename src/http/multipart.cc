#include "http/multipart.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::http {

namespace {

std::unexpected<Error> Broken(std::string message) {
  return Fail(Code::kInvalid, "the form is broken: " + message, "Send multipart/form-data as RFC 7578 describes it");
}

// Takes `name=value` or `name="quoted value"` parameters off a field value. False if they cannot be read.
bool NextParameter(std::string_view& rest, std::string& name, std::string& value) {
  rest = Trim(rest);
  if (!rest.starts_with(';')) return false;
  rest = Trim(rest.substr(1));
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  name = Lower(Trim(rest.substr(0, equals)));
  rest = Trim(rest.substr(equals + 1));
  value.clear();
  if (!rest.starts_with('"')) {
    const std::size_t end = rest.find(';');
    value = Trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    return true;
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest = rest.substr(i + 1);
      return true;
    }
    // Only \" and \\ are escapes: some browsers send C:\file.txt as it is.
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    value += rest[i];
  }
  return false;
}

// What browsers write for the three characters that cannot stand in a quoted name; other escapes are literal text.
std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string escape = Lower(text.substr(0, 3));
    const bool known = escape == "%22" || escape == "%0d" || escape == "%0a";
    out += escape == "%22" ? '"' : escape == "%0d" ? '\r' : escape == "%0a" ? '\n' : text.front();
    text.remove_prefix(known ? 3 : 1);
  }
  return out;
}

Result<> ReadDisposition(std::string_view value, PartHead& head) {
  const std::size_t end = value.find(';');
  if (!EqualsIgnoringCase(Trim(value.substr(0, end)), "form-data")) return Broken("a part is not form-data");
  std::string_view rest = end == std::string_view::npos ? std::string_view() : value.substr(end);
  bool named = false;
  while (!Trim(rest).empty()) {
    std::string name, text;
    if (!NextParameter(rest, name, text)) return Broken("a Content-Disposition cannot be read");
    if (name == "name") {
      if (named) return Broken("a part has two names");
      named = true;
      head.name = Unescape(text);
    } else if (name == "filename") {
      head.filename = Unescape(text);
      head.has_filename = true;
    }
  }
  if (!named) return Broken("a part has no name");
  return {};
}

Result<PartHead> ParsePartHead(std::string_view text) {
  PartHead head;
  bool disposed = false;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return Broken("a part has a header line without a name");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trim(line.substr(colon + 1));
    if (EqualsIgnoringCase(name, "Content-Disposition")) {
      if (std::exchange(disposed, true)) return Broken("a part has two Content-Disposition fields");
      HOSTLER_OK(ReadDisposition(value, head));
    } else if (EqualsIgnoringCase(name, "Content-Type")) {
      head.content_type = value;
      if (MediaType(value).starts_with("multipart/")) return Broken("a part is itself multipart");
    } else if (EqualsIgnoringCase(name, "Content-Transfer-Encoding")) {
      const std::string encoding = Lower(value);
      if (encoding != "binary" && encoding != "8bit" && encoding != "7bit")
        return Broken("a part has the transfer encoding " + encoding);
    }
  }
  if (!disposed) return Broken("a part has no Content-Disposition");
  return head;
}

}  // namespace

struct MultipartParser::Impl {
  //  kStart -> kAfterBoundary -> kHead -> kBody -> kAfterBoundary ...
  //                 \-> kEnd
  enum class State { kStart, kAfterBoundary, kHead, kBody, kEnd, kFailed };

  Impl(std::string boundary, Sink sink_in, Limits limits_in)
      : delimiter("\r\n--" + std::move(boundary)), sink(std::move(sink_in)), limits(limits_in), pending("\r\n") {}

  // Each takes what it can from the front of `pending`, from `at` on; false if it needs more bytes.
  Result<bool> Step(std::size_t& at);
  Result<bool> Start(std::size_t& at);
  Result<bool> AfterBoundary(std::size_t& at);
  Result<bool> Head(std::size_t& at);
  Result<bool> Body(std::size_t& at);

  // How far behind `at` a mark of `length` bytes was found, or where it can begin if it was not.
  [[nodiscard]] std::size_t EarliestEnd(std::size_t found, std::size_t at, std::size_t length) const {
    if (found != std::string::npos) return found - at;
    return pending.size() - at - std::min(pending.size() - at, length - 1);
  }

  const std::string delimiter;  // the first one has no CRLF before it, so `pending` begins with one
  const Sink sink;
  const Limits limits;
  std::string pending;
  State state = State::kStart;
  std::size_t parts = 0;
};

Result<bool> MultipartParser::Impl::Step(std::size_t& at) {
  switch (state) {
    case State::kStart: return Start(at);
    case State::kAfterBoundary: return AfterBoundary(at);
    case State::kHead: return Head(at);
    case State::kBody: return Body(at);
    case State::kEnd: at = pending.size(); return false;  // an epilogue says nothing
    case State::kFailed: break;
  }
  return Broken("it was already refused");
}

// Text before the first boundary is allowed, and ignored. The limit is tested against where the boundary is or could be at the
// earliest, so that the verdict does not depend on how the body was cut into pieces.
Result<bool> MultipartParser::Impl::Start(std::size_t& at) {
  const std::size_t found = pending.find(delimiter, at);
  if (EarliestEnd(found, at, delimiter.size()) > limits.part_head) return Broken("no boundary at the beginning");
  if (found == std::string::npos) return false;
  at = found + delimiter.size();
  state = State::kAfterBoundary;
  return true;
}

Result<bool> MultipartParser::Impl::AfterBoundary(std::size_t& at) {
  std::size_t skip = at;
  if (pending.size() - at >= 2 && pending.compare(at, 2, "--") == 0) {
    state = State::kEnd;
    return true;
  }
  while (skip < pending.size() && (pending[skip] == ' ' || pending[skip] == '\t')) ++skip;  // padding (RFC 2046)
  if (skip - at > limits.part_head) return Broken("too much after a boundary");
  if (pending.size() - skip < 2) return false;
  if (pending.compare(skip, 2, "\r\n") != 0) return Broken("something follows a boundary");
  at = skip + 2;
  state = State::kHead;
  return true;
}

Result<bool> MultipartParser::Impl::Head(std::size_t& at) {
  const std::size_t end = pending.find("\r\n\r\n", at);
  if (EarliestEnd(end, at, 4) > limits.part_head) {
    return Fail(Code::kTooLarge, fmt::format("the head of a part is larger than {} bytes", limits.part_head),
                "Use shorter names");
  }
  if (end == std::string::npos) return false;
  if (++parts > limits.parts)
    return Fail(Code::kTooLarge, fmt::format("the form has more than {} parts", limits.parts), "Send fewer fields at once");
  HOSTLER_TRY(PartHead head, ParsePartHead(std::string_view(pending).substr(at, end - at)));
  HOSTLER_OK(sink.on_part(std::move(head)));
  at = end + 4;
  state = State::kBody;
  return true;
}

Result<bool> MultipartParser::Impl::Body(std::size_t& at) {
  const std::string_view rest = std::string_view(pending).substr(at);
  const std::size_t found = rest.find(delimiter);
  // What could be the beginning of a delimiter waits for the rest of it.
  const std::size_t sure = found != std::string_view::npos ? found : rest.size() - std::min(rest.size(), delimiter.size() - 1);
  if (sure > 0) HOSTLER_OK(sink.on_data(rest.substr(0, sure)));
  at += sure;
  if (found == std::string_view::npos) return false;
  HOSTLER_OK(sink.on_part_end());
  at += delimiter.size();
  state = State::kAfterBoundary;
  return true;
}

MultipartParser::MultipartParser(std::string boundary, Sink sink, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(boundary), std::move(sink), limits)) {}

MultipartParser::~MultipartParser() = default;

Result<> MultipartParser::Feed(std::string_view piece) {
  impl_->pending.append(piece);
  for (std::size_t at = 0;;) {
    auto more = impl_->Step(at);
    if (!more) {
      impl_->state = Impl::State::kFailed;
      impl_->pending.clear();
      return Fail(std::move(more).error());
    }
    if (*more) continue;
    impl_->pending.erase(0, at);
    return {};
  }
}

Result<> MultipartParser::Finish() {
  if (impl_->state == Impl::State::kEnd) return {};
  return Broken("it ends before the closing boundary");
}

Result<std::string> MultipartParser::BoundaryOf(std::string_view content_type) {
  if (MediaType(content_type) != "multipart/form-data") {
    return Fail(Error{Code::kUnsupported,
                      fmt::format("the body is {}, not a form", content_type.empty() ? "of no type" : content_type),
                      "Send it as multipart/form-data (curl: -F name=value)",
                      {},
                      "unsupported_media_type"});
  }
  const std::size_t begin = content_type.find(';');
  std::string_view rest = begin == std::string_view::npos ? std::string_view() : content_type.substr(begin);
  std::string name, value;
  while (NextParameter(rest, name, value)) {
    if (name != "boundary") continue;
    const auto allowed = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
    if (value.empty() || value.size() > 70 || value.ends_with(' ') || !std::ranges::all_of(value, allowed)) break;
    return value;
  }
  return Broken("its Content-Type has no usable boundary");
}

}  // namespace hostler::http
