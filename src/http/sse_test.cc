#include "http/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace hostler::http {
namespace {

// `event|id|data;` for each event.
std::string Parse(const std::vector<std::string_view>& pieces) {
  std::string out;
  SseParser parser;
  for (const std::string_view piece : pieces) {
    EXPECT_TRUE(parser.Feed(piece, [&](const SseEvent& event) { out += event.event + "|" + event.id + "|" + event.data + ";"; }));
  }
  return out;
}

TEST(SseTest, Formats) {
  EXPECT_EQ(FormatSse({{}, {}, "a"}), "data: a\n\n");
  EXPECT_EQ(FormatSse({"e", "7", "a\nb"}), "event: e\nid: 7\ndata: a\ndata: b\n\n");
  EXPECT_EQ(FormatSse({{}, {}, ""}), "data: \n\n");
}

TEST(SseTest, FieldsCannotForgeLines) {
  EXPECT_EQ(FormatSse({"e\ndata: forged", "1\r\nid: 2", "x"}), "event: e\nid: 1\ndata: x\n\n");
  EXPECT_EQ(FormatSse({{}, {}, "a\r\nb\rc"}), "data: a\ndata: b\ndata: c\n\n");
}

TEST(SseTest, ParsesWhatTheStandardShows) {
  EXPECT_EQ(Parse({"data: YHOO\ndata: +2\ndata: 10\n\n"}), "||YHOO\n+2\n10;");
  EXPECT_EQ(Parse({": comment\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n"}), "|1|first;||second;|| third;");
  EXPECT_EQ(Parse({"data\n\ndata\ndata\n\ndata:"}), "||;||\n;");
  EXPECT_EQ(Parse({"event: a\n\ndata: b\n\n"}), "||b;");              // an event without data is none, and its type is forgotten
  EXPECT_EQ(Parse({"id: 5\ndata: a\n\ndata: b\n\n"}), "|5|a;|5|b;");  // the last id stays
  EXPECT_EQ(Parse({"\xEF\xBB\xBF"
                   "data: a\n\n"}),
            "||a;");
}

TEST(SseTest, EveryLineEndAtEverySplit) {
  for (const std::string_view text :
       {"event: e\ndata: a\ndata: b\n\ndata: c\n\n", "event: e\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
        "event: e\rdata: a\rdata: b\r\rdata: c\r\r"}) {
    for (std::size_t i = 0; i <= text.size(); ++i) {
      ASSERT_EQ(Parse({text.substr(0, i), text.substr(i)}), "e||a\nb;||c;") << i;
    }
  }
}

TEST(SseTest, WhatIsFormattedIsReadBack) {
  const SseEvent event{"progress", "17", "{\"a\": 1}\n\n  two"};
  EXPECT_EQ(Parse({FormatSse(event)}), "progress|17|{\"a\": 1}\n\n  two;");
}

TEST(SseTest, LinesAndEventsAreLimited) {
  SseParser line(10);
  EXPECT_TRUE(line.Feed("data: 1234", [](const SseEvent&) {}));
  EXPECT_FALSE(line.Feed("5", [](const SseEvent&) {}));
  SseParser event(10);
  bool fine = true;
  for (int i = 0; i < 10 && fine; ++i) fine = event.Feed("data:abc\n", [](const SseEvent&) {});
  EXPECT_FALSE(fine);
}

}  // namespace
}  // namespace hostler::http
