#include "engines/protocol_adapter.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "engines/bucket.h"
#include "engines/call.h"
#include "engines/running.h"
#include "http/sse.h"

namespace hostler::engines {

namespace {

constexpr double kLinesBurst = 60'000;
constexpr double kLinesPerSecond = 5000;
constexpr std::uint64_t kLongestVectors = 256 << 20;  // bytes: thousands of texts' vectors as text

// A request about texts, as JSON both ways.
template <class Reply, class Request>
Task<Result<Reply>> Ask(http::Client& client, const Handle& handle, std::string target, Request request) {
  request.model_id.reset();  // the engine has one model
  co_return co_await Call<Reply>(client, handle.endpoint, JsonRequest(http::Method::kPost, std::move(target), request),
                                 kLongestVectors);
}

// Passes the engine's lines on to the daemon's log, with their own time; `last_id` is where to go on.
void PassOn(log::Log& log, const std::string& model, const http::SseEvent& event, std::string& last_id) {
  if (!event.id.empty()) last_id = event.id;
  if (event.event == "lost") {
    log.Append({WallClock::now(), log::Level::kWarning, model, "log lines lost: " + event.data});
    return;
  }
  const auto entry = json::Parse<wire::LogEntry>(event.data, json::Unknown::kIgnore);
  if (!entry) return;
  const auto time = ParseLogTime(entry->timestamp).value_or(WallClock::now());
  log.Append({time, log::ParseLevel(entry->level).value_or(log::Level::kInfo), model, entry->message});
}

}  // namespace

Result<Launch> ProtocolAdapter::Plan(const Order& order) const {
  Launch launch;
  launch.arguments = {"--listen-fd", std::to_string(kInheritedFd), "--threads", std::to_string(order.threads)};
  launch.environment = {fmt::format("LOG_LEVEL={}", log::LevelName(order.log_level))};
  return launch;
}

Task<Result<>> ProtocolAdapter::Load(Loading loading) const {
  HOSTLER_CO_OK(co_await Greet(loading));
  loading.running->phase = "loading";
  loading.workshop.control->Spawn(FollowLog(loading.running));
  HOSTLER_CO_OK(co_await LoadModel(loading));
  co_return co_await AskAbilities(loading);
}

Task<Result<>> ProtocolAdapter::Greet(const Loading& loading) {
  const Clock::duration deadline = loading.workshop.deadlines.start;
  http::Request request{.target = "/health", .connect_deadline = deadline, .first_byte_deadline = deadline};
  const auto health = co_await Call<wire::Health>(loading.client, loading.running->endpoint, std::move(request));
  if (!health) co_return std::unexpected(health.error());
  if (health->protocol != wire::kProtocolVersion) {
    co_return Fail(Error{Code::kUpstream,
                         fmt::format("the engine {} speaks protocol {}, hostler speaks {}", health->engine, health->protocol,
                                     wire::kProtocolVersion),
                         "Install the engine that belongs to this hostler.",
                         {},
                         "load_failed"});
  }
  co_return Result<>{};
}

Task<Result<>> ProtocolAdapter::AskAbilities(const Loading& loading) {
  const Clock::duration deadline = loading.workshop.deadlines.start;
  const http::Endpoint& endpoint = loading.running->endpoint;
  auto abilities = co_await Call<wire::Capabilities>(loading.client, endpoint,
                                                     http::Request{.target = "/capabilities", .first_byte_deadline = deadline});
  if (!abilities) co_return std::unexpected(abilities.error());
  auto voices = co_await Call<wire::VoiceList>(loading.client, endpoint,
                                               http::Request{.target = "/voices", .first_byte_deadline = deadline});
  if (!voices) co_return std::unexpected(voices.error());
  loading.running->handle->capabilities = std::move(*abilities);
  loading.running->handle->voices = std::move(voices->voices);
  co_return Result<>{};
}

Task<> ProtocolAdapter::FollowLog(std::shared_ptr<Running> running) {
  http::Client client(co_await boost::asio::this_coro::executor);
  std::string last_id = "0";  // from its first line on
  // Who floods waits: what its own ring loses meanwhile it tells itself, and the lines of others stay in ours for a while.
  Bucket bucket(kLinesBurst, kLinesPerSecond, Clock::now());
  double lines = 0;
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) {
    ++lines;
    PassOn(*running->log, running->handle->model, event, last_id);
  };
  do {
    http::Request request;
    request.target = "/logs/stream";
    request.headers.Set("Last-Event-ID", last_id);
    request.idle_deadline = std::chrono::hours(24);  // an idle engine has nothing to say
    const auto reply = co_await client.Open(running->endpoint, std::move(request));
    if (!reply || (*reply)->status() != 200) continue;
    http::SseParser parser(1 << 20);
    for (;;) {
      const auto piece = co_await (*reply)->ReadSome();
      if (!piece || piece->empty() || !parser.Feed(*piece, on_event)) break;
      const double count = std::min(kLinesBurst, std::exchange(lines, 0));
      while (!running->exit && !bucket.Take(Clock::now(), count)) co_await Sleep(std::chrono::milliseconds(10));
    }
  } while (!running->stopping && !co_await running->ended.WaitFor(std::chrono::seconds(1)));
}

Task<Result<>> ProtocolAdapter::AskHealth(http::Client& client, http::Endpoint endpoint, Clock::duration deadline) const {
  const auto health = co_await Call<wire::Health>(
      client, std::move(endpoint),
      http::Request{.target = "/health", .connect_deadline = deadline, .first_byte_deadline = deadline});
  if (!health) co_return std::unexpected(health.error());
  co_return Result<>{};
}

void ProtocolAdapter::AskToStop(Running& running) const {
  running.child.Signal(SIGTERM);
}

bool ProtocolAdapter::IsWork(http::Method method, std::string_view path) const {
  static constexpr std::string_view kRead[] = {"/health", "/voices", "/capabilities"};
  static constexpr std::string_view kSend[] = {"/generate/control", "/generate/clone", "/generate/design", "/transcribe",
                                               "/diarize",          "/embed",          "/rerank",          "/sparse"};
  const auto among = [&](const auto& routes) { return std::ranges::find(routes, path) != std::end(routes); };
  if (method == http::Method::kGet || method == http::Method::kHead) return among(kRead);
  return method == http::Method::kPost && among(kSend);
}

Task<Result<wire::EmbedReply>> ProtocolAdapter::Embed(http::Client& client, const Handle& handle,
                                                      wire::EmbedRequest request) const {
  return Ask<wire::EmbedReply>(client, handle, "/embed", std::move(request));
}

Task<Result<wire::RerankReply>> ProtocolAdapter::Rerank(http::Client& client, const Handle& handle,
                                                        wire::RerankRequest request) const {
  return Ask<wire::RerankReply>(client, handle, "/rerank", std::move(request));
}

Task<Result<wire::SparseReply>> ProtocolAdapter::Sparse(http::Client& client, const Handle& handle,
                                                        wire::SparseRequest request) const {
  return Ask<wire::SparseReply>(client, handle, "/sparse", std::move(request));
}

Task<Result<>> ProtocolAdapter::Converse(http::Client&, const Handle& handle, http::Exchange&, std::string route,
                                         std::string) const {
  co_return Fail(Error{Code::kUnsupported,
                       fmt::format("the engine of \"{}\" has no {}", handle.model, route),
                       "Choose a model of type llm: `hostler models --type llm`.",
                       "model",
                       {}});
}

}  // namespace hostler::engines
