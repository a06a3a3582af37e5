// Engines as processes: how they start, end and break.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "engine_sdk/testing/harness.h"
#include "os/files.h"
#include "os/process.h"

namespace hostler::engine_sdk {
namespace {

using testing::Caller;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One engine process with its output.
class Process {
 public:
  Process(const std::string& program, std::vector<std::string> arguments, std::vector<std::string> environment = {},
          bool listen = true) {
    os::SpawnOptions spawn;
    spawn.program = std::string(HOSTLER_ENGINES) + "/" + program;
    spawn.arguments = std::move(arguments);
    spawn.environment = os::Environment(environment);
    os::Descriptor out = MakePipe(out_);
    os::Descriptor err = MakePipe(err_);
    spawn.descriptors = {{out.get(), 1}, {err.get(), 2}};
    os::Descriptor listening;
    if (listen) {
      auto socket = os::ListenUnix(folder_.path() / "s");
      if (!socket) throw std::runtime_error(socket.error().Text());
      listening = *std::move(socket);
      spawn.descriptors.emplace_back(listening.get(), 3);
      spawn.arguments.insert(spawn.arguments.end(), {"--listen-fd", "3"});
    }
    auto child = os::Spawn(spawn);
    if (!child) throw std::runtime_error(child.error().Text());
    child_ = *std::move(child);
  }

  [[nodiscard]] http::Endpoint endpoint() const {
    http::Endpoint endpoint;
    endpoint.unix_path = folder_.path() / "s";
    return endpoint;
  }
  os::Exit Wait() {
    pollfd ended{child_.pidfd(), POLLIN, 0};
    while (::poll(&ended, 1, -1) < 0) {
    }
    return *child_.TryReap();
  }
  void Terminate() { child_.Signal(SIGTERM); }
  std::string Output() { return Drain(out_.get()); }
  std::string Errors() { return Drain(err_.get()); }

 private:
  static os::Descriptor MakePipe(os::Descriptor& read_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    read_end = os::Descriptor(ends[0]);
    return os::Descriptor(ends[1]);
  }
  static std::string Drain(int fd) {
    std::string all;
    char piece[4096];
    for (ssize_t size = 0; (size = ::read(fd, piece, sizeof piece)) > 0;) all.append(piece, static_cast<std::size_t>(size));
    return all;
  }

  testing::TempFolder folder_;
  os::Descriptor out_;
  os::Descriptor err_;
  os::Child child_;
};

std::string LoadBody(const std::string& options) {
  return R"({"model_id":"m","options":)" + options + "}";
}

http::Request Generate() {
  http::Request request;
  request.method = http::Method::kPost;
  request.target = "/generate/control";
  request.body = R"({"text":"hello"})";
  return request;
}

TEST(Start, HelpAndVersionGoToStandardOutput) {
  for (const std::string program : {"hostler-engine-fake", "hostler-engine-classic"}) {
    Process help(program, {"--help"}, {}, false);
    EXPECT_EQ(help.Wait().status, 0);
    EXPECT_THAT(help.Output(), HasSubstr("--listen-fd"));
    Process version(program, {"--version"}, {}, false);
    EXPECT_EQ(version.Wait().status, 0);
    EXPECT_THAT(version.Output(), HasSubstr(program));
  }
}

TEST(Start, MistakesAreOneClearLine) {
  Process flag("hostler-engine-fake", {"--prot", "1"}, {}, false);
  EXPECT_EQ(flag.Wait().status, 2);
  EXPECT_EQ(flag.Errors(), "hostler-engine-fake: unknown option \"--prot\". Did you mean --port?\n");
  EXPECT_THAT(flag.Output(), IsEmpty());
  testing::TempFolder base;
  Process listens("hostler-engine-fake", {});
  Process host("hostler-engine-fake", {"--host", "203.0.113.1", "--port", "1", "--base", base.path()}, {}, false);
  EXPECT_EQ(host.Wait().status, 2);
  const std::string said = host.Errors();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST(Start, AChildLeavesTheFoldersAlone) {
  Process process("hostler-engine-fake", {});
  EXPECT_EQ(Caller(process.endpoint()).Get("/health").status, 200U);
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(HOSTLER_ENGINES) / "models"));
}

TEST(End, SigtermCancelsWhatRunsAndEndsWell) {
  Process process("hostler-engine-fake", {});
  Caller caller(process.endpoint());
  ASSERT_EQ(caller.Post("/models/load", LoadBody(R"({"chunks":1000000,"stall_at_chunk":5})")).status, 200U);
  auto stream = caller.Open(Generate());
  EXPECT_FALSE(stream.Read().empty());
  process.Terminate();
  const auto exit = process.Wait();
  EXPECT_FALSE(exit.signalled);
  EXPECT_EQ(exit.status, 0);
  EXPECT_THAT(process.Errors(), HasSubstr("cancelled after"));
  EXPECT_THAT(process.Output(), IsEmpty());
}

TEST(Break, CrashesAreCrashes) {
  const auto crash = [](const std::string& options) {
    Process process("hostler-engine-fake", {});
    Caller caller(process.endpoint());
    EXPECT_EQ(caller.Post("/models/load", LoadBody(options)).status, 200U);
    EXPECT_THROW((void)caller.Send(Generate()), std::runtime_error);
    return process.Wait();
  };
  const auto aborted = crash(R"({"abort_at_chunk":0})");
  EXPECT_TRUE(aborted.signalled);
  EXPECT_EQ(aborted.status, SIGABRT);
  const auto left = crash(R"({"exit_at_chunk":1})");
  EXPECT_FALSE(left.signalled);
  EXPECT_EQ(left.status, 3);
}

TEST(Break, AFailingLoadIsNoCrash) {
  Process process("hostler-engine-fake", {});
  Caller caller(process.endpoint());
  const auto failed = caller.Post("/models/load", LoadBody(R"({"load_fail":"torn weights"})"));
  EXPECT_EQ(Caller::ErrorCode(failed), "load_failed");
  EXPECT_THAT(failed.body, HasSubstr("torn weights"));
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", LoadBody(R"({"load_fial":"x"})"))), "bad_request");
}

TEST(Break, AnswersCanBeGarbage) {
  Process html("hostler-engine-fake", {}, {R"(HOSTLER_FAKE={"garbage_answer":"health","garbage_kind":"html"})"});
  EXPECT_THAT(Caller(html.endpoint()).Get("/health").body, HasSubstr("<!doctype html>"));
  Process cut("hostler-engine-fake", {}, {R"(HOSTLER_FAKE={"garbage_answer":"health","garbage_kind":"truncated"})"});
  EXPECT_THROW((void)Caller(cut.endpoint()).Get("/health"), std::runtime_error);
  Process raw("hostler-engine-fake", {}, {R"(HOSTLER_FAKE={"raw_garbage":true})"});
  EXPECT_THROW((void)Caller(raw.endpoint()).Get("/health"), std::runtime_error);
}

TEST(Memory, IsMeasuredAndComesBack) {
  // Sanitizers keep shadows of memory and hold freed memory back on purpose: there only the lower bound can be known.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  constexpr bool kExact = false;
#else
  constexpr bool kExact = true;
#endif
  Process process("hostler-engine-fake", {});
  Caller caller(process.endpoint());
  const auto loaded = caller.As<wire::LoadReply>(caller.Post("/models/load", LoadBody(R"({"memory_mb":64})")));
  EXPECT_GE(loaded.memory_delta_mb, 56);
  if (kExact) EXPECT_LE(loaded.memory_delta_mb, 72);
  const auto unloaded = caller.As<wire::UnloadReply>(caller.Post("/models/unload", R"({"model_id":"m"})"));
  EXPECT_DOUBLE_EQ(unloaded.memory_freed_mb, unloaded.memory_before_mb - unloaded.memory_after_mb);
  if (kExact) EXPECT_NEAR(unloaded.memory_freed_mb, 64, 8);
}

}  // namespace
}  // namespace hostler::engine_sdk
