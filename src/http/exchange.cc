#include "http/exchange.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::http {

using boost::system::error_code;

namespace {

constexpr std::uint64_t kDropLimit = 256 << 10;  // unread request bodies up to this are read away, so that keep-alive goes on
constexpr Clock::duration kDropPatience = std::chrono::seconds(2);
constexpr std::size_t kReadRoom = 64 << 10;

bool HasNoBody(unsigned status) {
  return status < 200 || status == 204 || status == 304;
}

std::optional<std::uint64_t> DeclaredLength(const Headers& headers) {
  const std::string_view text = headers.Get("Content-Length");
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unique_ptr<BodyDecoder> DecoderFor(const RequestHead& head) {
  if (head.chunked) return MakeChunkedDecoder();
  if (head.length.value_or(0) > 0) return MakeLengthDecoder(*head.length);
  return nullptr;
}

Error TooLarge(std::uint64_t limit) {
  return Error{Code::kTooLarge,
               fmt::format("the request body is larger than {}", HumanBytes(static_cast<double>(limit))),
               "Send less, or in several requests",
               {},
               {}};
}

// What one body that is not whole yet holds of the memory that all of them may take: how long it takes is up to its sender.
class Buffered {
 public:
  explicit Buffered(ServerState& state) : state_(state) {}
  ~Buffered() { state_.buffered.fetch_sub(held_, std::memory_order_relaxed); }
  Buffered(const Buffered&) = delete;
  Buffered& operator=(const Buffered&) = delete;
  [[nodiscard]] bool Add(std::uint64_t bytes) {
    held_ += bytes;
    return state_.buffered.fetch_add(bytes, std::memory_order_relaxed) + bytes <= state_.options.buffered_limit;
  }

 private:
  ServerState& state_;
  std::uint64_t held_ = 0;
};

}  // namespace

ServerExchange::ServerExchange(Connection& connection, RequestHead head)
    : connection_(connection),
      head_(std::move(head)),
      body_(DecoderFor(head_)),
      expects_continue_(head_.expects_continue),
      keep_alive_(head_.keep_alive) {}

const Query& ServerExchange::query() const {
  if (!query_)
    query_.emplace(head_.query == std::string::npos ? std::string_view() : std::string_view(head_.target).substr(head_.query));
  return *query_;
}

const std::string& ServerExchange::param(std::string_view name) const {
  static const std::string kEmpty;
  for (const auto& [key, value] : params_) {
    if (key == name) return value;
  }
  return kEmpty;
}

void ServerExchange::SetParam(std::string name, std::string value) {
  std::erase_if(params_, [&](const auto& param) { return param.first == name; });
  params_.emplace_back(std::move(name), std::move(value));
}

std::optional<std::uint64_t> ServerExchange::content_length() const {
  if (head_.chunked) return std::nullopt;
  return head_.length.value_or(0);
}

// --- reading ---

// Content from the bytes that are there, or empty if more are needed.
Result<std::string_view> ServerExchange::Decode() {
  while (!connection_.in().empty() && !body_->done()) {
    auto piece = body_->Put(connection_.in().view());
    if (!piece) {
      broken_ = piece.error();
      return Fail(*broken_);
    }
    received_ += piece->data.size();
    if (received_ > connection_.state().options.body_limit) {
      broken_ = TooLarge(connection_.state().options.body_limit);
      return Fail(*broken_);
    }
    if (!piece->data.empty()) {
      lent_ = piece->consumed;
      return piece->data;
    }
    connection_.in().Consume(piece->consumed);
  }
  return std::string_view();
}

Task<> ServerExchange::SendContinue() {
  if (!std::exchange(expects_continue_, false) || started() || received_ > 0) co_return;
  Gather gather;
  gather.Add("HTTP/1.1 100 Continue\r\n\r\n");
  co_await connection_.Write(gather);
}

Task<Result<std::string_view>> ServerExchange::ReadSome() {
  connection_.in().Consume(std::exchange(lent_, 0));
  while (!body_done()) {
    if (broken_) co_return Fail(*broken_);
    Result<std::string_view> piece = Decode();
    if (!piece || !piece->empty()) co_return piece;
    if (body_done()) break;
    co_await SendContinue();
    const error_code ec = co_await connection_.FillBody(kReadRoom, started());
    if (ec) {  // nobody is left who could hear an error
      connection_.MarkGone();
      ThrowAborted();
    }
  }
  co_return std::string_view();
}

Task<Result<std::string>> ServerExchange::ReadBody(std::uint64_t limit) {
  if (content_length().value_or(0) > limit) {
    broken_ = TooLarge(limit);
    co_return Fail(*broken_);
  }
  Buffered buffered(connection_.state());
  std::string body;
  body.reserve(std::min<std::uint64_t>(content_length().value_or(0), 1 << 20));
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await ReadSome());
    if (piece.empty()) co_return body;
    if (body.size() + piece.size() > limit) {
      broken_ = TooLarge(limit);
      co_return Fail(*broken_);
    }
    if (!buffered.Add(piece.size())) {
      broken_ = Error{Code::kUnavailable, "too many large requests arrive at once", "Try again in a moment", {}, {}};
      co_return Fail(*broken_);
    }
    body.append(piece);
  }
}

Task<bool> ServerExchange::DropBody() {
  connection_.in().Consume(std::exchange(lent_, 0));
  const std::uint64_t before = received_;
  const Clock::time_point deadline = Clock::now() + kDropPatience;
  while (!body_done()) {
    if (broken_ || expects_continue_ || received_ - before > kDropLimit) co_return false;
    if (auto piece = Decode(); !piece) co_return false;
    connection_.in().Consume(std::exchange(lent_, 0));
    if (body_done()) break;
    if (!connection_.in().empty()) continue;
    if (co_await connection_.Fill(kReadRoom, deadline)) co_return false;
  }
  co_return true;
}

// --- answering ---

// Decided when the head goes out, since it is said there.
void ServerExchange::DecideKeepAlive() {
  if (connection_.state().draining.load(std::memory_order_relaxed) || broken_ || kind_ == BodyKind::kUntilClose)
    keep_alive_ = false;
  if (!keep_alive_ || body_done()) return;
  // An expected 100 that was not sent: the client may or may not send the body now, there is no telling what comes next.
  // A chunked body may go on for ever. Otherwise a short rest is read away after the answer.
  keep_alive_ = !expects_continue_ && body_->remaining().value_or(kDropLimit + 1) <= kDropLimit;
}

void ServerExchange::AppendHeaders(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (IsFramingField(name)) continue;
    if (IsToken(name) && IsFieldValue(value)) {
      AppendField(out_, name, value);
    } else {
      connection_.state().Bug(Name(), fmt::format("a header field with forbidden characters was left out: {}", name));
    }
  }
}

void ServerExchange::BuildHead(unsigned status, const Headers& headers) {
  status_ = status;
  if (HasToken(headers, "Connection", "close")) keep_alive_ = false;
  DecideKeepAlive();
  out_.reserve(256);
  AppendStatusLine(out_, status);
  AppendHeaders(headers);
  AppendHeaders(added_);
  if (kind_ == BodyKind::kLength) AppendField(out_, "Content-Length", std::to_string(declared_));
  if (kind_ == BodyKind::kChunked || kind_ == BodyKind::kFramed) out_ += "Transfer-Encoding: chunked\r\n";
  if (!keep_alive_) out_ += "Connection: close\r\n";
  if (keep_alive_ && head_.http_1_0) out_ += "Connection: keep-alive\r\n";
  out_ += "\r\n";
}

void ServerExchange::BeginAnswer() {
  if (started()) throw std::logic_error("answered twice");
  if (connection_.gone()) ThrowAborted();
}

Task<> ServerExchange::Send(Response response) {
  BeginAnswer();
  const bool head_only = head_.method == Method::kHead;
  declared_ = response.body.size();
  if (head_only && response.body.empty()) declared_ = DeclaredLength(response.headers).value_or(0);
  kind_ = HasNoBody(response.status) ? BodyKind::kNone : BodyKind::kLength;
  BuildHead(response.status, response.headers);
  answer_ = Answer::kDone;
  Gather gather;
  gather.Add(out_);
  if (kind_ == BodyKind::kLength && !head_only) gather.Add(response.body);
  if (!connection_.TryWrite(gather)) co_await connection_.WriteRest(gather);
}

Task<> ServerExchange::Start(unsigned status, Headers headers, std::optional<std::uint64_t> length) {
  BeginAnswer();
  if (!length) length = DeclaredLength(headers);
  kind_ = HasNoBody(status) ? BodyKind::kNone
          : length          ? BodyKind::kLength
          : head_.http_1_0  ? BodyKind::kUntilClose
                            : BodyKind::kChunked;
  declared_ = unsent_ = length.value_or(0);
  BeginStream(status, headers);
  co_return;
}

Task<> ServerExchange::StartFramed(unsigned status, Headers headers) {
  BeginAnswer();
  if (!takes_chunks()) throw std::logic_error("chunks for HTTP/1.0");
  kind_ = HasNoBody(status) ? BodyKind::kNone : BodyKind::kFramed;
  BeginStream(status, headers);
  co_return;
}

void ServerExchange::BeginStream(unsigned status, const Headers& headers) {
  BuildHead(status, headers);
  if (head_.method == Method::kHead) {  // says what it would be, and sends nothing
    kind_ = BodyKind::kNone;
    unsent_ = 0;
  }
  answer_ = Answer::kStreaming;
}

Task<> ServerExchange::Write(std::string_view data) {
  if (answer_ != Answer::kStreaming) throw std::logic_error("Write without Start");
  if (kind_ == BodyKind::kNone) data = {};
  if (kind_ == BodyKind::kLength) {
    if (data.size() > unsent_) throw std::logic_error("more was written than the declared length");
    unsent_ -= data.size();
  }
  const std::string head = std::exchange(out_, {});
  char size[20];
  Gather gather;
  gather.Add(head);
  if (kind_ == BodyKind::kChunked && !data.empty()) {
    char* end = std::to_chars(size, size + 16, data.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    gather.Add(std::string_view(size, static_cast<std::size_t>(end - size)));
    gather.Add(data);
    gather.Add("\r\n");
  } else {
    gather.Add(data);
  }
  if (gather.empty()) co_return;
  if (!connection_.TryWrite(gather)) co_await connection_.WriteRest(gather);
}

Task<> ServerExchange::Finish() {
  if (answer_ != Answer::kStreaming) throw std::logic_error("Finish without Start");
  if (unsent_ > 0) throw std::logic_error("less was written than the declared length");
  const std::string head = std::exchange(out_, {});
  Gather gather;
  gather.Add(head);
  if (kind_ == BodyKind::kChunked) gather.Add("0\r\n\r\n");
  answer_ = Answer::kDone;
  if (!gather.empty() && !connection_.TryWrite(gather)) co_await connection_.WriteRest(gather);
}

void ServerExchange::Abort() {
  connection_.Reset();
}

}  // namespace hostler::http
