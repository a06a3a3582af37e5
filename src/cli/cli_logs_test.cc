// `hostler logs`, and how -f lives through a server that goes away.

#include <unistd.h>

#include <atomic>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/testing/fake_daemon.h"
#include "http/sse.h"

namespace hostler::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Row(int id, const std::string& message, const std::string& source = "hostler") {
  return R"({"id":)" + std::to_string(id) + R"(,"timestamp":"2026-01-15 10:30:45,123","level":"INFO","message":")" + message +
         R"(","source":")" + source + R"("})";
}

std::string Event(int id, const std::string& message) {
  return http::FormatSse({"log", std::to_string(id), Row(id, message)});
}

// Streams `events` and ends.
http::Handler Streaming(std::string events) {
  return [events = std::move(events)](http::Exchange& exchange) -> Task<> {
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the frame may outlive the handler's capture
    const std::string text = events;
    co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}});
    co_await exchange.Write(text);
    co_await exchange.Finish();
  };
}

TEST(Logs, PrintsLines) {
  World world;
  world.daemon.Answer("GET /logs", R"({"logs":[)" + Row(1, "one") + "," + Row(2, "two", "espeak") + "]}");
  EXPECT_EQ(world.Run({"logs", "-n", "5", "--level", "WARNING", "--source", "a/b", "--grep", "x y"}), 0);
  EXPECT_EQ(world.out, "2026-01-15 10:30:45,123 | INFO | one\n2026-01-15 10:30:45,123 | INFO | [espeak] two\n");
  EXPECT_THAT(world.daemon.lines(), ElementsAre("GET /logs?limit=5&level=WARNING&source=a%2Fb&q=x%20y"));
}

TEST(Logs, FollowingGoesOnWhereTheConnectionBroke) {
  World world;
  std::atomic<int> streams = 0;
  world.daemon.Answer("GET /logs", R"({"logs":[)" + Row(7, "seven") + "]}");
  world.daemon.Answer("GET /health", R"({"status":"ok","version":"1","uptime_s":100000,"models_loaded":0})");
  world.daemon.Handle("GET /logs/stream", [&](http::Exchange& exchange) -> Task<> {
    const int stream = ++streams;
    if (stream == 3) ::kill(::getpid(), SIGINT);
    const http::Handler handler =
        Streaming(stream == 1 ? Event(8, "eight") + http::FormatSse({"lost", "", R"({"count":3})"}) : Event(12, "twelve"));
    co_await handler(exchange);
  });
  EXPECT_EQ(world.Run({"logs", "-f"}), 130);
  EXPECT_THAT(world.out, HasSubstr("seven\n2026-01-15 10:30:45,123 | INFO | eight\n2026-01-15 10:30:45,123 | INFO | twelve\n"));
  EXPECT_THAT(world.err, HasSubstr("3 lines came faster than they could be read and are lost"));
  EXPECT_THAT(world.err, HasSubstr("hostler: the connection is lost; waiting for the server\nhostler: connected again\n"));
  std::vector<std::string> places;
  for (const auto& request : world.daemon.received()) {
    if (request.line == "GET /logs/stream") places.push_back(request.last_event_id);
  }
  EXPECT_THAT(places, ElementsAre("7", "8", "12"));
}

TEST(Logs, FollowingARestartedServerBeginsAnew) {
  World world;
  std::atomic<int> streams = 0;
  world.daemon.Answer("GET /logs", R"({"logs":[)" + Row(700, "old") + "]}");
  world.daemon.Answer("GET /health", R"({"status":"ok","version":"1","uptime_s":0,"models_loaded":0})");
  world.daemon.Handle("GET /logs/stream", [&](http::Exchange& exchange) -> Task<> {
    const int stream = ++streams;
    if (stream == 3) ::kill(::getpid(), SIGINT);
    const http::Handler handler = Streaming(stream == 1 ? Event(701, "last words") : Event(1, "first words"));
    co_await handler(exchange);
  });
  EXPECT_EQ(world.Run({"logs", "-f", "--json"}), 130);
  EXPECT_THAT(world.out, HasSubstr(Row(700, "old") + "\n" + Row(701, "last words") + "\n" + Row(1, "first words") + "\n"));
  EXPECT_THAT(world.err, HasSubstr("the server was restarted; following it"));
  std::vector<std::string> places;
  for (const auto& request : world.daemon.received()) {
    if (request.line == "GET /logs/stream") places.push_back(request.last_event_id);
  }
  EXPECT_THAT(places, ElementsAre("700", "0", "0"));
}

TEST(Logs, FollowingEndsWhereItIsRefused) {
  World world;
  world.daemon.Answer("GET /logs", R"({"logs":[]})");
  world.daemon.Answer("GET /logs/stream", R"({"error":{"message":"superusers only","code":"forbidden"}})", 403);
  EXPECT_EQ(world.Run({"logs", "-f"}), 5);
  EXPECT_THAT(world.err, HasSubstr("superusers only"));
  EXPECT_EQ(world.daemon.received().at(1).last_event_id, "0");
}

}  // namespace
}  // namespace hostler::cli
