#include "conform/subject.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <csignal>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace hostler::conform {
namespace fs = std::filesystem;
namespace {

// A port that was free a moment ago; nobody can promise more for a program that wants to open it itself.
std::uint16_t FreePort() {
  const os::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return 0;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace

Subject::Subject(Executor executor, const Options& options) : executor_(executor), options_(options), client_(executor) {}

Subject::~Subject() {
  child_.reset();
  std::error_code ec;
  if (!base_.empty()) fs::remove_all(base_, ec);
}

// A real folder, as engines want it, with links to the files: they may be large.
void Subject::Lend(const fs::path& folder, std::error_code& ec) const {
  if (!ec) fs::create_directories(folder, ec);
  const auto link = [&](const fs::path& file) {
    if (!ec) fs::create_symlink(file, folder / file.filename(), ec);
  };
  if (!ec && !fs::is_directory(options_.files)) return link(options_.files);
  for (fs::directory_iterator it(options_.files, ec), end; !ec && it != end; it.increment(ec)) link(it->path());
}

Result<> Subject::LayOut() {
  std::string name = fs::temp_directory_path() / "hostler-conform-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    return Fail(Code::kUnavailable, "cannot make a temporary folder", "Look at the space and rights of " + name + ".");
  base_ = name;
  std::error_code ec;
  fs::create_directories(base_ / "models" / kBakedIn, ec);
  fs::create_directories(base_ / "external_models" / kBakedIn, ec);
  fs::create_directories(base_ / "external_models" / kLinked, ec);
  fs::create_directories(base_ / "elsewhere", ec);
  fs::create_symlink(base_ / "nowhere", base_ / "external_models" / kDangling, ec);
  fs::create_symlink(base_ / "elsewhere", base_ / "external_models" / kOutside, ec);
  if (!options_.files.empty()) {  // an engine lists only folders with a model of its own in them
    for (const char* place : {"models", "external_models"}) Lend(base_ / place / kBakedIn, ec);
    Lend(base_ / "external_models" / kLinked, ec);
    Lend(base_ / "models" / options_.files.filename(), ec);
  }
  if (ec)
    return Fail(Code::kUnavailable, "cannot lay out the folders: " + ec.message(),
                "Look at the space and rights of " + name + ".");
  return {};
}

Task<Result<>> Subject::Start(fs::path program) {
  HOSTLER_CO_OK(LayOut());
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) co_return Fail(Code::kUnavailable, "cannot make a pipe");
  output_ = os::Descriptor(pipe[0]);
  const os::Descriptor write_end(pipe[1]);
  endpoint_.host = "127.0.0.1";
  endpoint_.port = FreePort();

  os::SpawnOptions spawn;
  spawn.program = program;
  spawn.arguments = {"--host", "127.0.0.1", "--base", base_.string()};
  spawn.arguments.insert(spawn.arguments.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<std::string> changes = options_.environment;
  changes.push_back("PORT=" + std::to_string(endpoint_.port));
  changes.push_back("LOG_LEVEL=DEBUG");
  spawn.environment = os::Environment(changes);
  spawn.descriptors = {{write_end.get(), 1}};
  HOSTLER_CO_TRY(child_, os::Spawn(spawn));
  co_return co_await AwaitAnswer();
}

// A foreign program has no way to tell us that it listens, so it is asked until it answers.
Task<Result<>> Subject::AwaitAnswer() {
  const auto deadline = Clock::now() + options_.patience;
  while (Clock::now() < deadline) {
    const http::Response health = co_await Ask(http::Method::kGet, "/health");
    if (health.status != 0) co_return Result<>();
    if (const auto exit = child_->TryReap()) {
      child_.reset();
      co_return Fail(Code::kUpstream, "the engine ended at once with " + exit->Text(),
                     "Start it by hand with --host 127.0.0.1 and PORT set.");
    }
    co_await Sleep(std::chrono::milliseconds(20));
  }
  co_return Fail(Code::kTimeout, "the engine does not answer on the port of $PORT",
                 "Start it by hand with --host 127.0.0.1 and PORT set.");
}

http::Request Subject::MakeRequest(http::Method method, std::string target, std::string body, http::Headers headers) const {
  http::Request request;
  request.method = method;
  request.target = std::move(target);
  request.body = std::move(body);
  request.headers = std::move(headers);
  if (!request.body.empty() && !request.headers.Has("Content-Type")) request.headers.Set("Content-Type", "application/json");
  request.first_byte_deadline = options_.patience;
  request.idle_deadline = options_.patience;
  return request;
}

Task<http::Response> Subject::Ask(http::Method method, std::string target, std::string body, http::Headers headers) {
  http::Request request = MakeRequest(method, std::move(target), std::move(body), std::move(headers));
  auto response = co_await client_.Fetch(endpoint_, std::move(request), 256 << 20);
  if (response) co_return *std::move(response);
  http::Response none;
  none.status = 0;
  none.body = response.error().Text();
  co_return none;
}

Task<http::Response> Subject::AskAndLeave(std::string target, std::string body) {
  http::Request request = MakeRequest(http::Method::kPost, std::move(target), std::move(body), {});
  http::Response response;
  response.status = 0;
  auto reply = co_await client_.Open(endpoint_, std::move(request));
  if (!reply) {
    response.body = reply.error().Text();
    co_return response;
  }
  response.status = (*reply)->status();
  response.headers = (*reply)->headers();
  const auto piece = co_await (*reply)->ReadSome();
  if (piece) response.body = std::string(*piece);
  co_return response;
}

Task<std::vector<http::SseEvent>> Subject::Events(http::Method method, std::string target, std::string body,
                                                  http::Headers headers, std::size_t count) {
  headers.Set("Accept", "text/event-stream");
  http::Request request = MakeRequest(method, std::move(target), std::move(body), std::move(headers));
  std::vector<http::SseEvent> events;
  auto reply = co_await client_.Open(endpoint_, std::move(request));
  http::SseParser parser;
  while (reply && events.size() < count) {
    const auto piece = co_await (*reply)->ReadSome();
    if (!piece || piece->empty()) break;
    if (!parser.Feed(*piece, [&](const http::SseEvent& event) { events.push_back(event); })) break;
  }
  co_return events;
}

Task<std::optional<os::Exit>> Subject::Terminate() {
  child_->Signal(SIGTERM);
  using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  Descriptor ended(executor_, ::fcntl(child_->pidfd(), F_DUPFD_CLOEXEC, 0));
  Timer limit(executor_, Clock::now() + std::chrono::seconds(12));
  bool late = false;
  limit.async_wait([&](const boost::system::error_code& ec) {
    if (ec) return;
    late = true;
    ended.cancel();
  });
  co_await ended.async_wait(Descriptor::wait_read, kAsTuple);
  limit.cancel();
  auto exit = late ? std::nullopt : child_->TryReap();
  child_.reset();
  co_return exit;
}

std::string Subject::StandardOutput() const {
  char text[256];
  const ssize_t size = ::read(output_.get(), text, sizeof text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace hostler::conform
