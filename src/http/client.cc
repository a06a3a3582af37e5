#include "http/client.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "http/codec.h"
#include "http/wire.h"

namespace hostler::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kHeadLimit = 64 << 10;
constexpr std::size_t kRoom = 64 << 10;

Error Broken(const Endpoint& endpoint, std::string_view why) {
  return Error{Code::kUpstream, fmt::format("{} {}", endpoint.Text(), why), "See the log of the server there", {}, {}};
}

Error Late(const Endpoint& endpoint, std::string_view what) {
  return Error{
      Code::kTimeout, fmt::format("{} took too long {}", endpoint.Text(), what), "Try again, or ask for less at once", {}, {}};
}

class ReplyImpl final : public Reply {
 public:
  ReplyImpl(std::shared_ptr<WireHub> hub, Endpoint endpoint, std::unique_ptr<Wire> wire, ResponseHead head,
            const Request& request)
      : hub_(std::move(hub)),
        endpoint_(std::move(endpoint)),
        wire_(std::move(wire)),
        head_(std::move(head)),
        idle_deadline_(request.idle_deadline) {
    wire_->deadline = kNever;
    if (request.method == Method::kHead || head_.status == 204 || head_.status == 304) {
      body_ = nullptr;
    } else if (head_.chunked) {
      body_ = MakeChunkedDecoder();
    } else if (head_.length) {
      body_ = MakeLengthDecoder(*head_.length);
    } else {
      body_ = MakeUntilCloseDecoder();
      head_.keep_alive = false;
    }
    EndIfDone();
  }

  unsigned status() const override { return head_.status; }
  const Headers& headers() const override { return head_.headers; }
  std::optional<std::uint64_t> length() const override { return head_.length; }
  bool chunked() const override { return body_ != nullptr && head_.chunked; }
  bool buffered() const override { return !wire_ || wire_->in.size() > lent_; }
  Task<Result<std::string_view>> ReadSome() override;
  Task<Result<std::string_view>> ReadFramed() override;
  Task<Result<std::string>> ReadAll(std::uint64_t limit) override;

 private:
  void EndIfDone() {
    if ((body_ && !body_->done()) || !wire_ || lent_ > 0) return;
    if (head_.keep_alive) hub_->GiveBack(endpoint_, std::move(wire_));
    wire_.reset();
  }
  // Content among the bytes that are there, or empty.
  Result<std::string_view> Decode();
  // Waits for more bytes of the body.
  Task<Result<>> Fill();
  std::unexpected<Error> Break(Error error) {
    wire_.reset();
    broken_ = error;
    return Fail(std::move(error));
  }

  const std::shared_ptr<WireHub> hub_;
  const Endpoint endpoint_;
  std::unique_ptr<Wire> wire_;  // null after the end
  ResponseHead head_;
  const Clock::duration idle_deadline_;
  std::unique_ptr<BodyDecoder> body_;  // null: there is none
  std::size_t lent_ = 0;               // bytes of the buffer that the caller still looks at
  std::optional<Error> broken_;
};

Task<Result<std::string_view>> ReplyImpl::ReadSome() {
  if (broken_) co_return Fail(*broken_);
  if (wire_) wire_->in.Consume(std::exchange(lent_, 0));
  EndIfDone();
  while (wire_) {
    auto piece = Decode();
    if (!piece || !piece->empty()) co_return piece;
    EndIfDone();
    if (wire_) HOSTLER_CO_OK(co_await Fill());
  }
  co_return std::string_view();
}

Task<Result<std::string_view>> ReplyImpl::ReadFramed() {
  if (broken_) co_return Fail(*broken_);
  if (wire_) wire_->in.Consume(std::exchange(lent_, 0));
  EndIfDone();
  while (wire_) {
    const std::string_view bytes = wire_->in.view();
    while (lent_ < bytes.size() && !body_->done()) {
      const auto piece = body_->Put(bytes.substr(lent_));
      if (!piece) co_return Break(Broken(endpoint_, "sent a broken body"));
      lent_ += piece->consumed;
    }
    if (lent_ > 0) co_return bytes.substr(0, lent_);
    EndIfDone();
    if (wire_) HOSTLER_CO_OK(co_await Fill());
  }
  co_return std::string_view();
}

Result<std::string_view> ReplyImpl::Decode() {
  while (!wire_->in.empty() && !body_->done()) {
    auto piece = body_->Put(wire_->in.view());
    if (!piece) return Break(Broken(endpoint_, "sent a broken body"));
    if (!piece->data.empty()) {
      lent_ = piece->consumed;
      return piece->data;
    }
    wire_->in.Consume(piece->consumed);
  }
  return std::string_view();
}

Task<Result<>> ReplyImpl::Fill() {
  wire_->deadline = CoarseNow() + idle_deadline_;
  const error_code ec = co_await wire_->Fill(kRoom);
  wire_->deadline = kNever;
  if (wire_->expired) co_return Break(Late(endpoint_, "to go on with its answer"));
  if (ec && !(ec == asio::error::eof && body_->PutEnd()))
    co_return Break(Broken(endpoint_, "broke off in the middle of its answer"));
  co_return Result<>();
}

Task<Result<std::string>> ReplyImpl::ReadAll(std::uint64_t limit) {
  std::string body;
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await ReadSome());
    if (piece.empty()) co_return body;
    if (body.size() + piece.size() > limit) {
      co_return Break(
          Error{Code::kTooLarge,
                fmt::format("the answer of {} is larger than {}", endpoint_.Text(), HumanBytes(static_cast<double>(limit))),
                "Ask for less at once",
                {},
                {}});
    }
    body.append(piece);
  }
}

std::string HostOf(const Endpoint& endpoint) {
  if (!endpoint.unix_path.empty()) return "localhost";
  return endpoint.Text().substr(std::string_view("http://").size());
}

Result<std::string> BuildHead(const Endpoint& endpoint, const Request& request) {
  const auto printable = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  if (request.target.empty() || !std::ranges::all_of(request.target, printable)) {
    return Fail(Code::kInvalid, "the request target has forbidden characters", "Percent-encode it");
  }
  std::string head;
  head.reserve(256);
  head.append(MethodName(request.method)).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  if (!request.headers.Has("Host")) AppendField(head, "Host", HostOf(endpoint));
  for (const auto& [name, value] : request.headers) {
    if (IsFramingField(name)) continue;
    if (!IsToken(name) || !IsFieldValue(value))
      return Fail(Code::kInvalid, fmt::format("a header field has forbidden characters: {}", name));
    AppendField(head, name, value);
  }
  const bool wants_body = request.method == Method::kPost || request.method == Method::kPut || request.method == Method::kPatch;
  if (request.source != nullptr) {
    if (const auto length = request.source->length())
      AppendField(head, "Content-Length", std::to_string(*length));
    else
      AppendField(head, "Transfer-Encoding", "chunked");
  } else if (!request.body.empty() || wants_body)
    AppendField(head, "Content-Length", std::to_string(request.body.size()));
  head += "\r\n";
  return head;
}

// The head of the answer, past any 1xx. `touched` tells whether a byte of an answer came.
Task<Result<ResponseHead>> ReadHead(const Endpoint& endpoint, Wire& wire, bool& touched) {
  for (HeadScanner scanner;;) {
    if (!wire.in.empty()) {
      touched = true;
      auto size = scanner.Scan(wire.in.view(), kHeadLimit);
      if (!size) co_return Fail(Broken(endpoint, "sent a head that cannot be read: " + size.error().error.message));
      if (*size > 0) {
        auto head = ParseResponseHead(wire.in.view().substr(0, *size));
        wire.in.Consume(*size);
        if (!head) co_return Fail(Broken(endpoint, "sent nonsense: " + head.error().message));
        if (head->status == 101) co_return Fail(Broken(endpoint, "switched protocols unasked"));
        if (head->status >= 200) co_return *std::move(head);
        scanner = HeadScanner();
        continue;
      }
    }
    const error_code ec = co_await wire.Fill(8 << 10);
    if (wire.expired) co_return Fail(Late(endpoint, "to begin its answer"));
    if (ec)
      co_return Fail(
          Broken(endpoint, touched ? "broke off in the head of its answer" : "closed the connection without an answer"));
  }
}

// Sends what a source has. What the peer does meanwhile shows when its answer is read.
Task<Result<error_code>> SendBody(Wire& wire, BodySource& source) {
  const bool chunked = !source.length();
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await source.ReadSome());
    const std::string size = chunked ? fmt::format("{:x}\r\n", piece.size()) : std::string();
    Gather gather;
    gather.Add(size);
    gather.Add(piece);
    if (chunked) gather.Add("\r\n");
    const error_code written = co_await wire.Write(gather);
    if (written || piece.empty()) co_return written;
  }
}

}  // namespace

struct Client::Impl {
  std::shared_ptr<WireHub> hub;
};

Client::Client(Executor executor) : impl_(std::make_unique<Impl>(std::make_shared<WireHub>(executor))) {}

Client::~Client() {
  impl_->hub->Close();
}

void Client::Forget(const Endpoint& endpoint) {
  impl_->hub->Forget(endpoint);
}

Task<Result<std::unique_ptr<Reply>>> Client::Open(const Endpoint& endpoint, Request request) {
  const std::shared_ptr<WireHub> hub = impl_->hub;
  HOSTLER_CO_TRY(const std::string head, BuildHead(endpoint, request));
  std::unique_ptr<Wire> wire = request.source == nullptr ? hub->Take(endpoint) : nullptr;
  bool pooled = wire != nullptr;
  for (;;) {
    if (!wire) {
      auto connected = co_await hub->Connect(endpoint, request.connect_deadline);
      if (!connected) co_return Fail(std::move(connected).error());
      wire = *std::move(connected);
    }
    wire->deadline = CoarseNow() + request.first_byte_deadline;
    Gather gather;
    gather.Add(head);
    gather.Add(request.body);
    // An error is no reason to give up: the peer may have said why before it closed.
    const std::optional<error_code> at_once = wire->TryWrite(gather);
    error_code written = at_once ? *at_once : co_await wire->Write(gather);
    if (!written && request.source != nullptr) {
      HOSTLER_CO_TRY(written, co_await SendBody(*wire, *request.source));
    }
    bool touched = false;
    auto answer = co_await ReadHead(endpoint, *wire, touched);
    if (answer) {
      if (written) answer->keep_alive = false;
      co_return std::make_unique<ReplyImpl>(hub, endpoint, std::move(wire), *std::move(answer), request);
    }
    if (!pooled || touched || answer.error().code == Code::kTimeout) co_return Fail(std::move(answer).error());
    pooled = false;
    wire.reset();
    hub->Forget(endpoint);  // what was pooled beside it is as old
  }
}

Task<Result<Response>> Client::Fetch(const Endpoint& endpoint, Request request, std::uint64_t limit) {
  auto reply = co_await Open(endpoint, std::move(request));
  if (!reply) co_return Fail(std::move(reply).error());
  HOSTLER_CO_TRY(std::string body, co_await (*reply)->ReadAll(limit));
  Response response;
  response.status = (*reply)->status();
  response.headers = (*reply)->headers();
  response.body = std::move(body);
  co_return response;
}

}  // namespace hostler::http
