#include "engines/talk.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/call.h"
#include "engines/tail.h"
#include "http/relay.h"

namespace hostler::engines {
namespace {

bool HasEnded(const Handle& handle) {
  pollfd look{handle.process.get(), POLLIN, 0};
  return ::poll(&look, 1, 0) > 0;
}

// What a broken connection means to the person who asked. If the process has ended, that says more, and is known a moment later.
Task<Error> Explain(std::shared_ptr<const Handle> handle, Error error) {
  const bool broken = error.code == Code::kUpstream || error.code == Code::kUnavailable;
  if (broken && !handle->dead) {
    OneShot<bool> died(co_await boost::asio::this_coro::executor);
    handle->died.Notify(0, died.promise());
    (void)co_await died.WaitUntil(Clock::now() + std::chrono::milliseconds(500));
    // On a busy machine the report takes longer than the end.
    if (!handle->dead && HasEnded(*handle)) (void)co_await died.WaitUntil(Clock::now() + std::chrono::seconds(10));
  }
  if (!handle->dead) {
    if (error.code == Code::kUnavailable && handle->unreachable) handle->unreachable();
    NameEngine(error, handle->endpoint, handle->model);
    co_return error;
  }
  co_return Error{Code::kUpstream,
                  fmt::format("the engine of \"{}\" died while it worked on this request", handle->model),
                  "`hostler crashes` shows why; it is started again with the next request.",
                  {},
                  {}};
}

constexpr std::uint64_t kLongestError = 64 << 10;                     // bytes
constexpr Clock::duration kErrorDeadline = std::chrono::seconds(10);  // for its body
constexpr std::uint64_t kLongestTranscript = 64 << 20;                // bytes: hours of speech with word times
constexpr Clock::duration kHearingDeadline = std::chrono::hours(12);

// PCM is what was asked for. Other audio has a head that would be heard as noise, a page or a document altogether.
bool IsPcm(const http::Headers& headers) {
  const std::string type = Lower(http::MediaType(headers.Get("Content-Type")));
  return type.empty() || type == "audio/pcm" || type == "application/octet-stream";
}

int IntHeader(const http::Headers& headers, std::string_view name) {
  const std::string_view text = headers.Get(name);
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Task<Result<std::span<const std::int16_t>>> AudioStream::ReadSome() {
  for (;;) {
    const auto piece = co_await reply_->ReadSome();
    if (!piece) co_return Fail(co_await Explain(handle_, piece.error()));
    if (piece->empty()) {
      if (!odd_.empty())
        co_return Fail(Code::kUpstream,
                       fmt::format("the engine of \"{}\" ended its audio in the middle of a sample", handle_->model),
                       "Check it with `hostler conform`.");
      co_return std::span<const std::int16_t>{};
    }
    std::string_view bytes = *piece;
    samples_.clear();
    samples_.reserve(bytes.size() / 2 + 1);
    if (!odd_.empty()) {
      samples_.push_back(
          static_cast<std::int16_t>(static_cast<unsigned char>(odd_[0]) | (static_cast<unsigned char>(bytes[0]) << 8)));
      odd_.clear();
      bytes.remove_prefix(1);
    }
    const std::size_t whole = bytes.size() / 2;
    const std::size_t before = samples_.size();
    samples_.resize(before + whole);
    if (whole > 0) std::memcpy(samples_.data() + before, bytes.data(), whole * 2);  // s16le on a little-endian machine
    if (bytes.size() % 2 != 0) odd_.assign(1, bytes.back());
    if (!samples_.empty()) co_return std::span<const std::int16_t>(samples_);
  }
}

Switchboard::Switchboard(const std::vector<Loop*>& loops) {
  for (Loop* loop : loops) lines_.push_back({loop, std::make_unique<http::Client>(loop->executor())});
}

Switchboard::~Switchboard() = default;

http::Client& Switchboard::Here(const Executor& executor) {
  for (Line& line : lines_) {
    if (line.loop->executor() == executor) return *line.client;
  }
  std::abort();  // a loop that the house does not know
}

Task<Result<std::unique_ptr<AudioStream>>> Switchboard::Generate(std::shared_ptr<const Handle> handle, std::string target,
                                                                 std::string body, std::string what) {
  Activity activity(handle, std::move(what));
  http::Client& client = Here(co_await boost::asio::this_coro::executor);
  http::Request request;
  request.method = http::Method::kPost;
  request.target = std::move(target);
  request.headers.Set("Content-Type", "application/json");
  request.body = std::move(body);
  auto reply = co_await client.Open(handle->endpoint, std::move(request));
  if (!reply) co_return Fail(co_await Explain(handle, reply.error()));
  if ((*reply)->status() / 100 != 2) {
    const auto text = co_await ReadWhole(**reply, handle->endpoint, Clock::now() + kErrorDeadline, kLongestError);
    if (!text) co_return Fail(co_await Explain(handle, text.error()));
    co_return Fail(ErrorOfReply((*reply)->status(), *text));
  }
  if (!IsPcm((*reply)->headers())) {
    co_return Fail(Code::kUpstream,
                   fmt::format("the engine of \"{}\" sent \"{}\" instead of audio/pcm", handle->model,
                               Printable((*reply)->headers().Get("Content-Type"))),
                   "Check it with `hostler conform`.");
  }
  const int rate = IntHeader((*reply)->headers(), wire::kSampleRateHeader);
  const int channels = IntHeader((*reply)->headers(), wire::kChannelsHeader);
  if (rate < 1000 || rate > 384'000 || channels < 1 || channels > 8) {
    co_return Fail(Code::kUpstream,
                   fmt::format("the engine of \"{}\" sent audio without a usable {} and {}", handle->model,
                               wire::kSampleRateHeader, wire::kChannelsHeader),
                   "Check it with `hostler conform`.");
  }
  co_return std::make_unique<AudioStream>(std::move(*reply), std::move(handle), std::move(activity), rate, channels);
}

Task<Result<std::unique_ptr<AudioStream>>> Switchboard::Control(std::shared_ptr<const Handle> handle,
                                                                wire::ControlRequest request) {
  request.model_id.reset();  // the engine has one model
  std::string what = fmt::format("speech of {} bytes of text", request.text.size());
  co_return co_await Generate(std::move(handle), "/generate/control", json::ToJson(request), std::move(what));
}

Task<Result<std::unique_ptr<AudioStream>>> Switchboard::Clone(std::shared_ptr<const Handle> handle, wire::CloneRequest request,
                                                              std::string reference) {
  request.model_id.reset();
  std::string what = fmt::format("cloned speech of {} bytes of text", request.text.size());
  std::string body = json::ToJson(request);
  // Base64 needs no escapes, and quoting megabytes character by character would hold up the loop.
  if (!reference.empty()) body = R"({"reference_audio":")" + reference + "\"," + body.substr(1);
  co_return co_await Generate(std::move(handle), "/generate/clone", std::move(body), std::move(what));
}

Task<Result<std::unique_ptr<AudioStream>>> Switchboard::Design(std::shared_ptr<const Handle> handle,
                                                               wire::DesignRequest request) {
  request.model_id.reset();
  std::string what = fmt::format("designed speech of {} bytes of text", request.text.size());
  co_return co_await Generate(std::move(handle), "/generate/design", json::ToJson(request), std::move(what));
}

SegmentStream::SegmentStream(std::unique_ptr<http::Reply> reply, std::shared_ptr<const Handle> handle, Activity activity)
    : reply_(std::move(reply)), handle_(std::move(handle)), activity_(std::move(activity)), parser_(kLongestTranscript) {}

SegmentStream::SegmentStream(wire::Transcript transcript, std::shared_ptr<const Handle> handle, Activity activity)
    : handle_(std::move(handle)),
      activity_(std::move(activity)),
      segments_(transcript.segments.begin(), transcript.segments.end()),
      transcript_(std::move(transcript)) {}

Error SegmentStream::Nonsense(std::string_view what) const {
  return Error{
      Code::kUpstream, fmt::format("the engine of \"{}\" {}", handle_->model, what), "Check it with `hostler conform`.", {}, {}};
}

void SegmentStream::Take(const http::SseEvent& event) {
  if (transcript_ || error_) return;  // the last word was said
  if (event.event == "segment") {
    if (auto segment = json::Parse<wire::Segment>(event.data, json::Unknown::kIgnore))
      segments_.push_back(*std::move(segment));
    else
      error_ = Nonsense("sent a segment that is none: " + segment.error().Text());
  } else if (event.event == "done") {
    if (auto transcript = json::Parse<wire::Transcript>(event.data, json::Unknown::kIgnore))
      transcript_ = *std::move(transcript);
    else
      error_ = Nonsense("sent a transcript that is none: " + transcript.error().Text());
  } else if (event.event == "error") {
    error_ = ErrorOfReply(500, event.data);
  }
}

Task<Result<std::optional<wire::Segment>>> SegmentStream::Next() {
  while (segments_.empty() && !transcript_ && !error_) {
    const auto piece = co_await reply_->ReadSome();
    if (!piece) co_return Fail(co_await Explain(handle_, piece.error()));
    if (piece->empty())
      error_ = Nonsense("ended its report without a transcript");
    else if (!parser_.Feed(*piece, [this](const http::SseEvent& event) { Take(event); }))
      error_ = Nonsense("sent an event without end");
  }
  if (segments_.empty()) {
    if (error_) co_return Fail(*error_);
    co_return std::optional<wire::Segment>();
  }
  std::optional<wire::Segment> segment(std::move(segments_.front()));
  segments_.pop_front();
  co_return segment;
}

namespace {

// A form of `request` (JSON) and `audio`.
http::Request AudioForm(std::string_view target, const std::string& json, std::string wav) {
  const std::string boundary = "hostler-" + RandomHex(32);
  http::Request request;
  request.method = http::Method::kPost;
  request.target = target;
  request.headers.Set("Content-Type", "multipart/form-data; boundary=" + boundary);
  const std::string head = fmt::format(
      "--{0}\r\nContent-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json\r\n\r\n{1}\r\n"
      "--{0}\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"audio.wav\"\r\nContent-Type: audio/wav\r\n\r\n",
      boundary, json);
  const std::string tail = fmt::format("\r\n--{}--\r\n", boundary);
  request.body.reserve(head.size() + wav.size() + tail.size());
  request.body.append(head).append(wav).append(tail);
  return request;
}

std::string OfAudio(std::string_view what, const std::string& wav) {
  return fmt::format("{} of {} of audio", what, HumanBytes(static_cast<double>(wav.size())));
}

}  // namespace

// A question about texts, put by the adapter's `ask`.
template <class Reply, class Request>
Task<Result<Reply>> Switchboard::Read(std::shared_ptr<const Handle> handle, Request request, AskOfTexts<Reply, Request> ask,
                                      std::string what) {
  http::Client& client = Here(co_await boost::asio::this_coro::executor);
  const Activity activity(handle, std::move(what));
  auto reply = co_await (handle->adapter->*ask)(client, *handle, std::move(request));
  if (!reply) co_return Fail(co_await Explain(handle, reply.error()));
  co_return reply;
}

Task<Result<wire::EmbedReply>> Switchboard::Embed(std::shared_ptr<const Handle> handle, wire::EmbedRequest request) {
  std::string what = fmt::format("vectors of {} texts", request.inputs.size());
  return Read(std::move(handle), std::move(request), &Adapter::Embed, std::move(what));
}

Task<Result<wire::RerankReply>> Switchboard::Rerank(std::shared_ptr<const Handle> handle, wire::RerankRequest request) {
  std::string what = fmt::format("scores of {} documents", request.documents.size());
  return Read(std::move(handle), std::move(request), &Adapter::Rerank, std::move(what));
}

Task<Result<wire::SparseReply>> Switchboard::Sparse(std::shared_ptr<const Handle> handle, wire::SparseRequest request) {
  std::string what = fmt::format("sparse vectors of {} texts", request.inputs.size());
  return Read(std::move(handle), std::move(request), &Adapter::Sparse, std::move(what));
}

Task<Result<>> Switchboard::Converse(std::shared_ptr<const Handle> handle, http::Exchange& exchange, std::string route,
                                     std::string body) {
  http::Client& client = Here(exchange.executor());
  const Activity activity(handle, fmt::format("{} with {}", route, HumanBytes(static_cast<double>(body.size()))));
  auto answered = co_await handle->adapter->Converse(client, *handle, exchange, std::move(route), std::move(body));
  if (!answered) co_return Fail(co_await Explain(std::move(handle), std::move(answered).error()));
  co_return answered;
}

// Always as events: half an hour of sound may take a slow machine hours, and nothing but the engine's end says that it failed.
Task<Result<std::unique_ptr<SegmentStream>>> Switchboard::Transcribe(std::shared_ptr<const Handle> handle,
                                                                     wire::TranscribeRequest transcribe, std::string wav) {
  http::Client& client = Here(co_await boost::asio::this_coro::executor);
  transcribe.model_id.reset();
  Activity activity(handle, OfAudio("transcription", wav));
  http::Request request = AudioForm("/transcribe", json::ToJson(transcribe), std::move(wav));
  request.headers.Set("Accept", "text/event-stream");
  request.first_byte_deadline = request.idle_deadline = kHearingDeadline;
  auto reply = co_await client.Open(handle->endpoint, std::move(request));
  if (!reply) co_return Fail(co_await Explain(handle, reply.error()));
  const bool good = (*reply)->status() / 100 == 2;
  if (good && http::MediaType((*reply)->headers().Get("Content-Type")) == "text/event-stream")
    co_return std::make_unique<SegmentStream>(std::move(*reply), std::move(handle), std::move(activity));
  const auto text =
      co_await ReadWhole(**reply, handle->endpoint, Clock::now() + kErrorDeadline, good ? kLongestTranscript : kLongestError);
  if (!text) co_return Fail(co_await Explain(handle, text.error()));
  if (!good) co_return Fail(ErrorOfReply((*reply)->status(), *text));
  auto whole = json::Parse<wire::Transcript>(*text, json::Unknown::kIgnore);
  if (!whole) {
    co_return Fail(Code::kUpstream,
                   fmt::format("the engine answered /transcribe with something else than its protocol: {}", whole.error().Text()),
                   "Check the engine with `hostler conform`.");
  }
  co_return std::make_unique<SegmentStream>(*std::move(whole), std::move(handle), std::move(activity));
}

Task<Result<wire::DiarizeReply>> Switchboard::Diarize(std::shared_ptr<const Handle> handle, wire::DiarizeRequest diarize,
                                                      std::string wav) {
  http::Client& client = Here(co_await boost::asio::this_coro::executor);
  diarize.model_id.reset();
  const Activity activity(handle, OfAudio("diarisation", wav));
  http::Request request = AudioForm("/diarize", json::ToJson(diarize), std::move(wav));
  request.first_byte_deadline = kHearingDeadline;
  auto reply = co_await Call<wire::DiarizeReply>(client, handle->endpoint, std::move(request), kLongestTranscript);
  if (!reply) co_return Fail(co_await Explain(handle, reply.error()));
  co_return std::move(*reply);
}

bool IsWork(const model::Entry& entry, http::Method method, std::string_view path) {
  return AdapterOf(entry).IsWork(entry, method, path);
}

Task<Result<>> Switchboard::Relay(std::shared_ptr<const Handle> handle, http::Exchange& exchange, std::string target) {
  const Activity activity(handle, fmt::format("{} {}", http::MethodName(exchange.method()), target));
  http::Client& client = Here(exchange.executor());
  auto relayed = co_await http::Relay(exchange, client, {handle->endpoint, std::move(target)});
  if (!relayed) co_return Fail(co_await Explain(std::move(handle), std::move(relayed).error()));
  co_return relayed;
}

void Switchboard::Forget(const http::Endpoint& endpoint) {
  for (Line& line : lines_) {
    line.loop->Post([client = line.client.get(), endpoint] { client->Forget(endpoint); });
  }
}

}  // namespace hostler::engines
