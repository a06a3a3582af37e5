#include "api/events.h"

#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::api {
namespace {

constexpr std::size_t kBatch = 500;       // entries per topic and write
constexpr std::size_t kBytes = 64 << 10;  // … about: what a reader that does not read holds in memory
constexpr Clock::duration kHeartbeat = std::chrono::seconds(15);

using Cursors = std::map<std::string, std::uint64_t, std::less<>>;

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "log:12,state:7", or "12" if there is one topic: the last ids that the client has seen.
Result<Cursors> ParseCursors(std::string_view text, const std::vector<std::unique_ptr<Topic>>& topics) {
  Cursors cursors;
  for (const std::string_view part : Split(text, ',')) {
    const std::size_t colon = part.rfind(':');
    const auto number = Number(colon == std::string_view::npos ? part : part.substr(colon + 1));
    const bool known =
        colon == std::string_view::npos ? topics.size() == 1 : std::any_of(topics.begin(), topics.end(), [&](const auto& topic) {
          return topic->name() == part.substr(0, colon);
        });
    if (!number || !known) {
      return Fail(Error{Code::kInvalid,
                        fmt::format("\"{}\" is no position in this stream", text),
                        "Send back the id of the last event as it came.",
                        "Last-Event-ID",
                        {}});
    }
    cursors[colon == std::string_view::npos ? topics.front()->name() : std::string(part.substr(0, colon))] = *number + 1;
  }
  return cursors;
}

class Streaming {
 public:
  Streaming(http::Exchange& exchange, const std::atomic<bool>& closing, std::vector<std::unique_ptr<Topic>> topics,
            EventNames names)
      : exchange_(exchange), closing_(closing), topics_(std::move(topics)), unnamed_(names == EventNames::kNone) {}

  Result<> Position() {
    std::string text(exchange_.headers().Get("Last-Event-ID"));
    if (text.empty()) text = exchange_.query().Get("after").value_or("");
    Cursors asked;
    if (!text.empty()) {
      HOSTLER_TRY(asked, ParseCursors(text, topics_));
    }
    for (const auto& topic : topics_) {
      const auto found = asked.find(topic->name());
      cursors_.push_back(found == asked.end() ? topic->end() : found->second);
    }
    return {};
  }

  Task<> Run() {
    http::Headers headers{{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
    co_await exchange_.Start(200, std::move(headers));
    co_await exchange_.Write(": hostler\n\n");
    while (exchange_.method() != http::Method::kHead) {
      if (const std::string text = Gather(); !text.empty()) {
        co_await exchange_.Write(text);
        continue;
      }
      OneShot<bool> rung(exchange_.executor());
      for (std::size_t i = 0; i < topics_.size(); ++i) topics_[i]->Notify(cursors_[i], rung.promise());
      if (closing_) break;  // after Notify: who sets it rings afterwards
      if (!co_await rung.WaitUntil(Clock::now() + kHeartbeat)) co_await exchange_.Write(": still here\n\n");
    }
    co_await exchange_.Finish();
  }

 private:
  // What is new, as text; empty if nothing is.
  std::string Gather() {
    std::string text;
    for (std::size_t i = 0; i < topics_.size(); ++i) {
      const Topic& topic = *topics_[i];
      const Topic::Batch batch = topic.Read(cursors_[i], kBatch, kBytes);
      if (batch.lost > 0)
        text += http::FormatSse({"lost", {}, fmt::format(R"({{"topic":"{}","count":{}}})", topic.name(), batch.lost)});
      for (const auto& [id, data] : batch.items) {
        cursors_[i] = id + 1;
        if (!unnamed_) text.append("event: ").append(topic.name()).append("\n");
        AppendId(text);
        text += *data;
      }
      cursors_[i] = batch.next;
    }
    return text;
  }

  // Where all topics stand, so that a client can come back with one string.
  void AppendId(std::string& text) const {
    text += "id: ";
    for (std::size_t i = 0; i < topics_.size(); ++i) {
      if (i > 0) text += ',';
      if (topics_.size() > 1) text.append(topics_[i]->name()).append(":");
      text += fmt::format_int(cursors_[i] - 1).str();
    }
    text += '\n';
  }

  http::Exchange& exchange_;
  const std::atomic<bool>& closing_;
  std::vector<std::unique_ptr<Topic>> topics_;
  const bool unnamed_;
  std::vector<std::uint64_t> cursors_;  // of each topic
};

}  // namespace

Task<Result<>> StreamTopics(http::Exchange& exchange, const std::atomic<bool>& closing,
                            std::vector<std::unique_ptr<Topic>> topics, EventNames names) {
  Streaming streaming(exchange, closing, std::move(topics), names);
  HOSTLER_CO_OK(streaming.Position());
  co_await streaming.Run();
  co_return Result<>{};
}

}  // namespace hostler::api
