// `hostler chat`: one answer, and conversations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <deque>

#include "cli/testing/fake_daemon.h"

namespace hostler::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRoute = "POST /v1/chat/completions";

// Streams each text as one event, in pieces that no line respects.
http::Handler Says(std::vector<std::string> events) {
  return [events = std::move(events)](http::Exchange& exchange) -> Task<> {
    std::string bytes;
    for (const std::string& event : events) bytes += "data: " + event + "\n\n";
    co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}});
    for (std::size_t at = 0; at < bytes.size(); at += 7) co_await exchange.Write(std::string_view(bytes).substr(at, 7));
    co_await exchange.Finish();
  };
}

std::string Piece(const std::string& text) {
  return R"({"choices":[{"index":0,"delta":{"content":")" + text + R"("}}]})";
}

http::Handler SaysWords() {
  return Says({R"({"choices":[{"delta":{"role":"assistant","content":null}}]})", Piece("Good "), Piece("morning"),
               R"({"choices":[],"usage":{"total_tokens":5}})", "[DONE]"});
}

// Somebody at a terminal who writes these lines and then closes the input.
void Types(World& world, std::deque<std::string> lines) {
  world.OnTerminal();
  world.surroundings.in_is_terminal = true;
  world.surroundings.read_message =
      [lines = std::make_shared<std::deque<std::string>>(std::move(lines))]() -> Result<std::optional<std::string>> {
    if (lines->empty()) return std::nullopt;
    std::string line = lines->front();
    lines->pop_front();
    return line;
  };
}

TEST(Chat, OneAnswer) {
  World world;
  world.daemon.Handle(kRoute, SaysWords());
  EXPECT_EQ(world.Run({"chat", "m", "hello", "--system", "be kind", "--max-tokens", "9", "--temperature", "0.5"}), 0);
  EXPECT_EQ(world.out, "Good morning\n");
  EXPECT_EQ(world.daemon.received()[0].body,
            R"({"model":"m","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hello"}],)"
            R"("stream":true,"max_tokens":9,"temperature":0.5})");
}

TEST(Chat, StandardInputAndJson) {
  World world;
  world.daemon.Handle(kRoute, SaysWords());
  EXPECT_EQ(world.Run({"chat"}), 0);
  EXPECT_EQ(world.daemon.received()[0].body, R"({"messages":[{"role":"user","content":"from standard input"}],"stream":true})");
  world.daemon.Answer(kRoute, R"({"choices":[]})");
  EXPECT_EQ(world.Run({"chat", "m", "-", "--json"}), 0);
  EXPECT_EQ(world.out, "{\"choices\":[]}\n");
  EXPECT_THAT(world.daemon.received()[1].body, HasSubstr(R"("stream":false)"));
}

TEST(Chat, AConversationRemembers) {
  World world;
  world.daemon.Handle(kRoute, SaysWords());
  Types(world, {"hello", "", "  and then?  ", "/nonsense", "/clear", "anew", "/bye", "never"});
  EXPECT_EQ(world.Run({"chat", "m", "--system", "s"}), 0);
  const auto received = world.daemon.received();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_THAT(received[1].body,
              HasSubstr(R"([{"role":"system","content":"s"},{"role":"user","content":"hello"},)"
                        R"({"role":"assistant","content":"Good morning"},{"role":"user","content":"and then?"}])"));
  EXPECT_THAT(received[2].body, HasSubstr(R"([{"role":"system","content":"s"},{"role":"user","content":"anew"}])"));
  EXPECT_THAT(world.err, HasSubstr("there is no /nonsense"));
}

TEST(Chat, AnErrorDoesNotEndAConversation) {
  World world;
  world.daemon.Answer(kRoute, R"({"error":{"message":"too long","code":"context_length_exceeded","remedy":"Send less."}})", 400);
  Types(world, {"hello"});
  EXPECT_EQ(world.Run({"chat", "m"}), 0);
  EXPECT_THAT(world.err, HasSubstr("too long"));
  EXPECT_THAT(world.err, HasSubstr("Send less."));
  EXPECT_EQ(world.Run({"chat", "m", "hello"}), 1);
}

TEST(Chat, WhatBreaksOffIsSaid) {
  World world;
  world.daemon.Handle(kRoute, Says({Piece("Good ")}));
  EXPECT_EQ(world.Run({"chat", "m", "x"}), 1);
  EXPECT_EQ(world.out, "Good \n");
  EXPECT_THAT(world.err, HasSubstr("the answer broke off"));
  world.daemon.Handle(kRoute, Says({Piece("Good "), R"({"error":{"message":"no memory","code":500}})"}));
  EXPECT_EQ(world.Run({"chat", "m", "x"}), 1);
  EXPECT_THAT(world.err, HasSubstr("no memory"));
}

TEST(Chat, ThoughtsAreForPeopleAndControlsForNobody) {
  World world;
  const auto thinks = Says({R"({"choices":[{"delta":{"reasoning_content":"hm"}}]})", Piece("\\u001b[2Jyes"), "[DONE]"});
  world.daemon.Handle(kRoute, thinks);
  EXPECT_EQ(world.Run({"chat", "m", "x"}), 0);
  EXPECT_EQ(world.out, "?[2Jyes\n");
  world.OnTerminal();
  EXPECT_EQ(world.Run({"chat", "m", "x"}), 0);
  EXPECT_THAT(world.out, HasSubstr("hm"));
  EXPECT_THAT(world.out, Not(HasSubstr("\x1b[2J")));
}

TEST(Chat, CtrlCStopsTheAnswerAndNotTheConversation) {
  World world;
  world.daemon.Handle(kRoute, [](http::Exchange& exchange) -> Task<> {
    co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}});
    co_await exchange.Write("data: " + Piece("Once upon") + "\n\n");
    ::raise(SIGINT);
    co_await Sleep(std::chrono::hours(1));  // ends with the connection
  });
  Types(world, {"a tale"});
  EXPECT_EQ(world.Run({"chat", "m"}), 0);
  EXPECT_THAT(world.out, HasSubstr("Once upon\n"));
  EXPECT_THAT(world.err, HasSubstr("stopped"));
  EXPECT_EQ(world.Run({"chat", "m", "a tale"}), 130);
}

TEST(Chat, WrongUse) {
  World world;
  EXPECT_EQ(world.Run({"chat", "m", " "}), 2);
  EXPECT_EQ(world.Run({"chat", "m", "x", "--max-tokens", "0"}), 2);
  EXPECT_EQ(world.Run({"chat", "m", "x", "--temperature", "5"}), 2);
  Types(world, {});
  EXPECT_EQ(world.Run({"chat", "m", "--json"}), 2);
}

}  // namespace
}  // namespace hostler::cli
