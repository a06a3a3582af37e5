#include "engine_sdk/pipe.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine_sdk/testing/harness.h"

namespace hostler::engine_sdk {
namespace {

class PipeTest : public ::testing::Test {
 protected:
  PipeTest() { loop.Start(); }
  Pipe::Piece Read() { return testing::Await(loop, pipe.Read()); }

  Loop loop{"pipe"};
  Pipe pipe;
  std::stop_source stop;
};

TEST_F(PipeTest, MovesMoreThanItHolds) {
  std::string sent;
  for (std::size_t i = 0; i < 3 * Pipe::kRoom + 17; ++i) sent += static_cast<char>(i * 31);
  std::thread writer([&] {
    EXPECT_TRUE(pipe.Write(sent, stop.get_token()));
    pipe.Close({});
  });
  std::string received;
  while (true) {
    const auto piece = Read();
    EXPECT_LE(piece.bytes.size(), Pipe::kRoom);
    received += piece.bytes;
    if (!piece.end) continue;
    EXPECT_TRUE(*piece.end);
    break;
  }
  writer.join();
  EXPECT_EQ(received, sent);
}

TEST_F(PipeTest, AStopFreesAWriterThatWaits) {
  std::thread writer([&] { EXPECT_FALSE(pipe.Write(std::string(8 * Pipe::kRoom, 'x'), stop.get_token())); });
  EXPECT_FALSE(Read().bytes.empty());
  stop.request_stop();
  writer.join();
}

TEST_F(PipeTest, TheErrorComesBehindTheBytes) {
  EXPECT_TRUE(pipe.Write("abc", stop.get_token()));
  pipe.Close(Fail(Code::kInternal, "broken"));
  const auto piece = Read();
  EXPECT_EQ(piece.bytes, "abc");
  ASSERT_TRUE(piece.end && !*piece.end);
  EXPECT_EQ(piece.end->error().message, "broken");
}

TEST_F(PipeTest, TheSinkCountsSeconds) {
  PipeSink sink(pipe, stop.get_token());
  EXPECT_TRUE(sink.Begin(8000, 2));
  EXPECT_TRUE(sink.Write(std::vector<std::int16_t>(8000)));
  EXPECT_DOUBLE_EQ(sink.seconds(), 0.5);
  EXPECT_EQ(pipe.format()->sample_rate, 8000);
  stop.request_stop();
  EXPECT_FALSE(sink.Write(std::vector<std::int16_t>(1)));
}

}  // namespace
}  // namespace hostler::engine_sdk
