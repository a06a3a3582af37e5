#include "cli/occasion.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>

#include "base/text.h"
#include "cli/exit_code.h"
#include "os/descriptor.h"

namespace hostler::cli {
namespace {

namespace asio = boost::asio;

constexpr auto kStartLimit = std::chrono::seconds(30);
constexpr int kStopLimitMs = 15'000;
constexpr std::string_view kGreeting = "hostler is listening on ";

// Shared with the timer's handler, which may run after a cancelled reader is gone.
struct Reading {
  Reading(const Executor& executor, int fd) : stream(executor, fd) {}
  asio::posix::basic_stream_descriptor<Executor> stream;
  bool late = false;
};

// The first line that comes out of `fd`, which it takes over; what came so far if the other end is closed before.
Task<Result<std::string>> FirstLine(int fd, Clock::duration limit) {
  const Executor executor = co_await asio::this_coro::executor;
  const auto reading = std::make_shared<Reading>(executor, fd);
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(executor, limit);
  timer.async_wait([reading](const boost::system::error_code& error) {
    if (error) return;
    reading->late = true;
    reading->stream.cancel();
  });
  std::string text;
  co_await asio::async_read_until(reading->stream, asio::dynamic_buffer(text, 4096), '\n', kAsTuple);
  if (reading->late) co_return Fail(Code::kTimeout, "the server that was started for this does not answer");
  co_return text.substr(0, text.find('\n'));
}

Task<Result<http::Response>> AskHealth(http::Client& client, const Target& target) {
  http::Request request;
  request.target = "/health";
  request.first_byte_deadline = std::chrono::seconds(10);
  co_return co_await client.Fetch(target.endpoint, std::move(request), 1 << 20);
}

}  // namespace

Result<std::unique_ptr<Occasion>> Occasion::Find(const Context& context, Session& session) {
  HOSTLER_TRY(Target target, ChooseServer(context));
  std::unique_ptr<Occasion> occasion(new Occasion(context, std::move(target)));
  if (occasion->target_.named) return occasion;  // whoever names a server wants no other
  const auto health = session.Wait(AskHealth(session.client(), occasion->target_));
  if (health || health.error().code != Code::kUnavailable) {
    if (!health && health.error().code == Code::kCancelled) return std::unexpected(health.error());
    return occasion;  // somebody is there; what they say is the command's business
  }
  HOSTLER_OK(occasion->Start(session));
  return occasion;
}

Result<> Occasion::Start(Session& session) {
  if (context_.surroundings().err_is_terminal) context_.Note("no server is running: starting one for this command");
  std::error_code ignored;
  std::string pattern = (std::filesystem::temp_directory_path(ignored) / "hostler-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    return Fail(Code::kInternal, "no temporary folder can be made in " + pattern, "Look at $TMPDIR.");
  folder_ = pattern;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Fail(Code::kInternal, "no pipe to be had", "Close some programs.");
  os::Descriptor reading(ends[0]);
  os::Descriptor writing(ends[1]);
  const os::Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const os::Descriptor errors(::open((folder_ / "errors").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  os::SpawnOptions options;
  options.program = context_.surroundings().program;
  options.arguments = {"serve", "--host", "127.0.0.1", "--port", "0", "--home", folder_.string(), "--preload="};
  // Its home is empty, but the user's own configuration, tasks, references and models are wanted; nothing loaded beforehand,
  // though.
  if (const auto home = config::HomeFolder(context_.surroundings().environment, context_.HomeFlags())) {
    if (context_.Variable("HOSTLER_CONFIG").empty() && std::filesystem::exists(*home / "hostler.toml", ignored))
      options.arguments.insert(options.arguments.end(), {"--config", (*home / "hostler.toml").string()});
    HOSTLER_TRY(const config::Loaded loaded, config::Load({}, context_.surroundings().environment, context_.HomeFlags()));
    options.arguments.insert(options.arguments.end(), {"--database", config::DatabaseFile(loaded.config).string(),   //
                                                       "--models-base", config::ModelsBase(loaded.config).string(),  //
                                                       "--catalogue", config::CatalogueFile(loaded.config).string()});
  }
  for (const auto& [name, value] : context_.surroundings().environment) options.environment.push_back(name + "=" + value);
  options.descriptors = {{nothing.get(), 0}, {writing.get(), 1}, {errors.get(), 2}};
  HOSTLER_TRY(child_, os::Spawn(options));
  writing.Close();
  HOSTLER_TRY(const std::string line, session.Wait(FirstLine(reading.Release(), kStartLimit)));
  if (!line.starts_with(kGreeting)) return Fail(Failed("the server that was started for this did not come up"));
  HOSTLER_TRY(target_, TargetOf(std::string(Trim(std::string_view(line).substr(kGreeting.size())))));
  return {};
}

Error Occasion::Failed(const std::string& why) const {
  std::ifstream in(folder_ / "errors", std::ios::binary);
  std::string last;
  for (std::string line; std::getline(in, line);) {
    if (!Trim(line).empty()) last = line;
  }
  return Error{Code::kUnavailable,
               why + (last.empty() ? "" : ": " + last),
               "Try `hostler serve` to see more.",
               {},
               std::string(kNoServer)};
}

Occasion::~Occasion() {
  if (child_.pid() != 0) {
    child_.Signal(SIGTERM);
    pollfd ended{child_.pidfd(), POLLIN, 0};
    while (::poll(&ended, 1, kStopLimitMs) < 0 && errno == EINTR) {
    }
    child_ = os::Child();  // reaps it, or kills what has not ended
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace hostler::cli
