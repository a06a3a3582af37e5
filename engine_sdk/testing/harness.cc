#include "engine_sdk/testing/harness.h"

#include <cstdlib>
#include <stdexcept>

#include "os/files.h"

namespace hostler::engine_sdk::testing {
namespace {

Task<Result<http::Response>> Fetching(http::Client& client, http::Endpoint endpoint, http::Request request) {
  co_return co_await client.Fetch(endpoint, std::move(request), 256 << 20);
}

Task<Result<std::unique_ptr<http::Reply>>> Opening(http::Client& client, http::Endpoint endpoint, http::Request request) {
  co_return co_await client.Open(endpoint, std::move(request));
}

Task<Result<std::string>> Reading(http::Reply& reply) {
  HOSTLER_CO_TRY(const std::string_view piece, co_await reply.ReadSome());
  co_return std::string(piece);
}

Task<bool> Dropping(std::unique_ptr<http::Reply> reply) {
  reply.reset();
  co_return true;
}

Task<bool> DroppingClient(std::unique_ptr<http::Client> client) {
  client.reset();
  co_return true;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "hostler-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ec;
  std::filesystem::remove_all(path_, ec);
}

Caller::Caller(http::Endpoint endpoint)
    : endpoint_(std::move(endpoint)), client_(std::make_unique<http::Client>(loop_.executor())) {
  loop_.Start();
}

Caller::~Caller() {
  (void)Await(loop_, DroppingClient(std::move(client_)));
  loop_.Stop();
  loop_.Join();
}

http::Response Caller::Send(http::Request request) {
  auto response = Await(loop_, Fetching(*client_, endpoint_, std::move(request)));
  if (!response) throw std::runtime_error(response.error().Text());
  return *std::move(response);
}

http::Response Caller::Get(std::string target, http::Headers headers) {
  http::Request request;
  request.target = std::move(target);
  request.headers = std::move(headers);
  return Send(std::move(request));
}

http::Response Caller::Post(std::string target, std::string body, http::Headers headers) {
  http::Request request;
  request.method = http::Method::kPost;
  request.target = std::move(target);
  request.body = std::move(body);
  request.headers = std::move(headers);
  return Send(std::move(request));
}

std::string Caller::ErrorCode(const http::Response& response) {
  const auto reply = json::Parse<wire::ErrorReply>(response.body);
  return reply ? reply->error.code : response.body;
}

Caller::Stream Caller::Open(http::Request request) {
  auto reply = Await(loop_, Opening(*client_, endpoint_, std::move(request)));
  if (!reply) throw std::runtime_error(reply.error().Text());
  return {*this, *std::move(reply)};
}

std::string Caller::Stream::Read() {
  auto piece = Await(caller_.loop_, Reading(*reply_));
  if (!piece) throw std::runtime_error(piece.error().Text());
  return *std::move(piece);
}

http::SseEvent Caller::Stream::ReadEvent() {
  while (events_.empty()) {
    const std::string piece = Read();
    if (piece.empty()) throw std::runtime_error("the stream ended");
    if (!parser_.Feed(piece, [this](const http::SseEvent& event) { events_.push_back(event); }))
      throw std::runtime_error("not an event stream");
  }
  http::SseEvent event = events_.front();
  events_.erase(events_.begin());
  return event;
}

void Caller::Stream::HangUp() {
  if (reply_) (void)Await(caller_.loop_, Dropping(std::move(reply_)));
}

Served::Served(std::unique_ptr<Engine> engine, std::optional<std::filesystem::path> base, log::Level level)
    : log_(engine->name(), level, false),
      engine_(std::move(engine)),
      service_(loop_, *engine_, log_, {std::move(base), 1, {}}),
      server_({&loop_}, service_.handler(), {.error_response = &Service::ErrorResponse}) {
  service_.Prepare();
  auto socket = os::ListenUnix(folder_.path() / "engine");
  if (!socket) throw std::runtime_error(socket.error().Text());
  if (const auto listening = server_.ListenOn(socket->Release()); !listening) throw std::runtime_error(listening.error().Text());
  loop_.Start();
}

Served::~Served() {
  std::promise<void> drained;
  server_.Drain({}, [&] { drained.set_value(); });
  drained.get_future().wait();
  loop_.Stop();
  loop_.Join();
}

http::Endpoint Served::endpoint() const {
  http::Endpoint endpoint;
  endpoint.unix_path = folder_.path() / "engine";
  return endpoint;
}

std::vector<std::string> Served::LogLines() {
  std::vector<std::string> lines;
  for (const auto& [id, line, text] : log_.ring().Read(0).entries)
    lines.push_back(std::string(log::LevelName(line->level)) + " " + line->message);
  return lines;
}

Task<bool> Served::Awaiting(std::string text) {
  std::uint64_t cursor = 0;
  while (true) {
    const auto batch = log_.ring().Read(cursor);
    for (const auto& [id, line, kept] : batch.entries) {
      if (line->message.find(text) != std::string::npos) co_return true;
    }
    cursor = batch.next;
    co_await log_.ring().Wait(cursor);
  }
}

void Served::AwaitLog(const std::string& text) {
  (void)Await(loop_, Awaiting(text));
}

Task<bool> Served::Leaving(Clock::time_point deadline) {
  co_await service_.Leave(deadline);
  co_return true;
}

void Served::Leave(Clock::duration patience) {
  (void)Await(loop_, Leaving(Clock::now() + patience));
}

}  // namespace hostler::engine_sdk::testing
