#include "engine_sdk/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/signal_set.hpp>

#include "engine_sdk/options.h"
#include "os/files.h"
#include "os/memory.h"

namespace hostler::engine_sdk {
namespace {

using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;

constexpr auto kFinishWithin = std::chrono::seconds(7);  // of the ten seconds: what is left is for cancelling and unloading
constexpr auto kLeaveWithin = std::chrono::seconds(10);

int StartupError(const std::string& program, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), error.Text().c_str());
  return 2;
}

// One engine process, from listening to its end. All on the main thread's loop.
class Process {
 public:
  Process(const Options& options, std::unique_ptr<Engine> engine, Hooks hooks)
      : options_(options),
        log_(engine->name(), options.log_level, true),
        engine_(std::move(engine)),
        started_(hooks.started),
        service_(loop_, *engine_, log_, MakeOptions(options, std::move(hooks))),
        server_({&loop_}, service_.handler(), ServerOptions()),
        signals_(loop_.io(), SIGTERM, SIGINT),
        last_moment_(loop_.executor()) {}

  Result<> Listen();
  int Run();

 private:
  static Service::Options MakeOptions(const Options& options, Hooks hooks);
  http::ServerOptions ServerOptions();
  void OnSignal();
  Task<> Leave();

  const Options options_;
  Loop loop_{"engine"};  // first: the log's ring remembers waiters of this loop, and must go before it
  log::Log log_;
  const std::unique_ptr<Engine> engine_;
  const std::function<void()> started_;
  Service service_;
  http::Server server_;
  boost::asio::signal_set signals_;
  Timer last_moment_;
};

Service::Options Process::MakeOptions(const Options& options, Hooks hooks) {
  Service::Options result;
  if (!options.is_child()) result.base = options.base.value_or(Folders::DefaultBase());
  result.threads = options.threads > 0 ? options.threads : os::PhysicalCores();
  result.hooks = std::move(hooks);
  return result;
}

http::ServerOptions Process::ServerOptions() {
  http::ServerOptions result;
  result.error_response = &Service::ErrorResponse;
  result.on_bug = [this](std::string_view where, std::string_view what) { log_.Error("Bug in {}: {}", where, what); };
  return result;
}

Result<> Process::Listen() {
  if (options_.listen_fd) {
    HOSTLER_OK(server_.ListenOn(*options_.listen_fd));
  } else if (!options_.socket.empty()) {
    HOSTLER_TRY(os::Descriptor socket, os::ListenUnix(options_.socket));
    HOSTLER_OK(server_.ListenOn(socket.Release()));
    log_.Info("Listening on {}", options_.socket);
  } else {
    HOSTLER_TRY(const std::uint16_t port, server_.ListenTcp(options_.host, options_.port));
    log_.Info("Listening on http://{}:{}", options_.host, port);
  }
  return {};
}

int Process::Run() {
  service_.Prepare();
  OnSignal();
  if (started_) started_();
  log_.Info("Engine {} {} is ready", engine_->name(), HOSTLER_VERSION);
  loop_.RunHere();
  if (!options_.socket.empty()) ::unlink(options_.socket.c_str());
  return 0;
}

void Process::OnSignal() {
  signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    log_.Info("Received signal {}: refusing new work", signal);
    service_.Refuse();
    last_moment_.expires_after(kLeaveWithin);
    last_moment_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      // A thread is stuck inside a native library: nothing but the end of the process gets it out.
      log_.Warning("Work did not stop in time; leaving without it");
      if (!options_.socket.empty()) ::unlink(options_.socket.c_str());
      std::_Exit(0);
    });
    loop_.Spawn(Leave());
  });
}

Task<> Process::Leave() {
  co_await service_.Leave(Clock::now() + kFinishWithin);
  service_.EndStreams();
  server_.Drain(std::chrono::seconds(1), [this] { loop_.Stop(); });
}

// Whatever a library prints must not reach standard output.
void SilenceStdout() {
  std::fflush(stdout);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

}  // namespace

int RunEngineWith(int argc, char** argv, std::unique_ptr<Engine> engine, Hooks hooks) {
  const std::string program = std::filesystem::path(argc > 0 ? argv[0] : "engine").filename();
  const auto options = ParseOptions({argv + std::min(argc, 1), argv + argc}, std::getenv("PORT"), std::getenv("LOG_LEVEL"));
  if (!options) return StartupError(program, options.error());
  if (options->help || options->version) {
    const std::string text = options->help ? Usage(program) : fmt::format("{} {}\n", program, HOSTLER_VERSION);
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? 0 : 2;
  }
  SilenceStdout();
  std::signal(SIGPIPE, SIG_IGN);
  Process process(*options, std::move(engine), std::move(hooks));
  if (const auto listening = process.Listen(); !listening) return StartupError(program, listening.error());
  return process.Run();
}

int RunEngine(int argc, char** argv, std::unique_ptr<Engine> engine) {
  return RunEngineWith(argc, argv, std::move(engine), {});
}

}  // namespace hostler::engine_sdk
