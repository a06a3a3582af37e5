// How an engine of hostler's own protocol is made to load its model.
#include <filesystem>

#include "engines/bucket.h"
#include "engines/call.h"
#include "engines/protocol_adapter.h"
#include "engines/running.h"
#include "http/sse.h"

namespace hostler::engines {
namespace {

// The end of a load: nothing yet, or what the engine said.
struct LoadEnd {
  std::optional<Result<>> result;
};

constexpr std::size_t kLongestEvent = 1 << 20;  // bytes
constexpr std::size_t kLongestStage = 200;      // bytes

std::string Shortened(std::string_view text) {
  if (text.size() <= kLongestStage) return std::string(text);
  text = text.substr(0, kLongestStage);
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.remove_suffix(1);
  if (!text.empty()) text.remove_suffix(1);  // the first byte of a character that was cut, or a whole one
  return std::string(text) + " …";
}

void OnLoadEvent(const http::SseEvent& event, const std::function<void(const wire::LoadProgress&)>& on_progress, Bucket& bucket,
                 LoadEnd& end) {
  if (end.result) return;  // the first word counts
  if (event.event == "loaded") {
    end.result = Result<>{};
  } else if (event.event == "error") {
    const auto reply = json::Parse<wire::ErrorReply>(event.data, json::Unknown::kIgnore);
    end.result = reply ? Fail(wire::FromReply(500, *reply))
                       : Fail(Code::kUpstream, "the load failed and the engine gave no reason", "Look at `hostler logs`.");
  } else if (event.event == "progress") {
    if (!on_progress || !bucket.Take(Clock::now())) return;
    auto progress = json::Parse<wire::LoadProgress>(event.data, json::Unknown::kIgnore);
    if (!progress) return;
    progress->stage = Shortened(progress->stage);
    on_progress(*progress);
  }
}

}  // namespace

// The load is followed as an event stream: each sign of progress moves the deadline, silence beyond it is an error. Progress
// without an end is one too, after kPatience deadlines.
Task<Result<>> ProtocolAdapter::LoadModel(const Loading& loading) {
  wire::LoadRequest load;
  load.model_id = loading.entry.engine_model.empty() ? loading.entry.id : loading.entry.engine_model;
  load.options = loading.entry.options;
  if (!loading.files.empty()) load.path = loading.files;
  http::Request request = JsonRequest(http::Method::kPost, "/models/load", load);
  request.headers.Set("Accept", "text/event-stream");
  request.first_byte_deadline =
      loading.workshop.deadlines.load + co_await loading.workshop.pool->Run([path = loading.files] { return ReadingTime(path); });
  request.idle_deadline = request.first_byte_deadline;
  const Clock::time_point end_of_patience = Clock::now() + (kPatience * request.first_byte_deadline);
  HOSTLER_CO_TRY(const auto reply, co_await loading.client.Open(loading.running->endpoint, std::move(request)));
  if (reply->status() / 100 != 2 || http::MediaType(reply->headers().Get("Content-Type")) != "text/event-stream") {
    HOSTLER_CO_TRY(const std::string body, co_await ReadWhole(*reply, loading.running->endpoint, end_of_patience, kLongestEvent));
    if (reply->status() / 100 != 2) co_return Fail(ErrorOfReply(reply->status(), body));
    if (const auto loaded = json::Parse<wire::LoadReply>(body, json::Unknown::kIgnore); loaded) co_return Result<>{};
    co_return Fail(Code::kUpstream, "the engine answered /models/load with something else than its protocol",
                   "Check the engine with `hostler conform`.");
  }
  LoadEnd end;
  http::SseParser parser(kLongestEvent);
  Bucket bucket(100, 20, Clock::now());  // a stage is news, ten thousand a second are noise
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) {
    OnLoadEvent(event, loading.running->on_progress, bucket, end);
  };
  while (!end.result) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await reply->ReadSome());
    if (piece.empty() || !parser.Feed(piece, on_event)) {
      if (!end.result)
        end.result = Fail(Code::kUpstream, "the engine ended its report of the load without a result",
                          "Check the engine with `hostler conform`.");
    }
    if (!end.result && Clock::now() > end_of_patience)
      end.result = Fail(Code::kTimeout, "the load made progress without end", "Raise engines.load_timeout_s.");
  }
  co_return std::move(*end.result);
}

}  // namespace hostler::engines
