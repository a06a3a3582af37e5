// Conversations: the request goes to llama-server as it is, and its answer back as it comes.
#include "engines/call.h"
#include "engines/instance.h"
#include "engines/llama_adapter.h"
#include "engines/llama_report.h"
#include "http/relay.h"

namespace hostler::engines {
namespace {

constexpr std::uint64_t kLongestError = 1 << 20;                      // bytes
constexpr Clock::duration kErrorDeadline = std::chrono::seconds(10);  // for its body

// Leaves the event `data: null` out, with which a streamed completion of several prompts begins: no client can read it.
class WithoutNull {
 public:
  std::string_view operator()(std::string_view piece) {
    constexpr std::string_view kNull = "data: null\n\n";
    rest_.erase(0, given_);
    rest_ += piece;
    for (std::size_t at = 0; (at = rest_.find(kNull, at)) != std::string::npos;) {
      if (at == 0 || rest_[at - 1] == '\n')
        rest_.erase(at, kNull.size());
      else
        ++at;
    }
    // What may be the beginning of one waits for the next piece; at the end nothing waits.
    given_ = piece.empty() ? rest_.size() : EndOfEvents();
    return std::string_view(rest_).substr(0, given_);
  }

 private:
  [[nodiscard]] std::size_t EndOfEvents() const {
    const std::size_t end = rest_.rfind("\n\n");
    return end == std::string::npos ? 0 : end + 2;
  }
  std::string rest_;
  std::size_t given_ = 0;  // of it, to be dropped
};

}  // namespace

Task<Result<>> LlamaAdapter::Converse(http::Client& client, const Handle& handle, http::Exchange& exchange, std::string route,
                                      std::string body) const {
  const bool may_hold_null = route == "/v1/completions";
  http::Request request;
  request.method = http::Method::kPost;
  request.target = std::move(route);
  // No field of the client's goes along: X-Conversation-Id, say, would let a stream run on when its client is gone.
  request.headers.Set("Content-Type", "application/json");
  request.body = std::move(body);
  HOSTLER_CO_TRY(const auto reply, co_await client.Open(handle.endpoint, std::move(request)));
  if (reply->status() / 100 != 2) {
    HOSTLER_CO_TRY(const std::string text,
                   co_await ReadWhole(*reply, handle.endpoint, Clock::now() + kErrorDeadline, kLongestError));
    co_return Fail(ReadLlamaError(reply->status(), text));
  }
  const bool events = http::MediaType(reply->headers().Get("Content-Type")) == "text/event-stream";
  if (may_hold_null && events) co_return co_await http::PassBack(exchange, *reply, WithoutNull());
  co_return co_await http::PassBack(exchange, *reply);
}

}  // namespace hostler::engines
