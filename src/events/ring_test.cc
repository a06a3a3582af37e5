#include "events/ring.h"

#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>

namespace hostler::events {
namespace {

std::vector<int> Values(const Ring<int>::Batch& batch) {
  std::vector<int> values;
  for (const auto& [id, entry] : batch.entries) values.push_back(*entry);
  return values;
}

TEST(RingTest, ReadersGetEveryEntryOnceByCursor) {
  Ring<int> ring(10);
  for (int i = 1; i <= 5; ++i) ring.Append(i);
  auto batch = ring.Read(0, 3);
  EXPECT_EQ(Values(batch), (std::vector<int>{1, 2, 3}));
  batch = ring.Read(batch.next);
  EXPECT_EQ(Values(batch), (std::vector<int>{4, 5}));
  EXPECT_TRUE(ring.Read(batch.next).entries.empty());
}

TEST(RingTest, AReaderThatFallsBehindIsToldHowManyItLost) {
  Ring<int> ring(3);
  ring.Append(1);
  const auto cursor = ring.Read(0).next;
  for (int i = 2; i <= 8; ++i) ring.Append(i);
  const auto batch = ring.Read(cursor);
  EXPECT_EQ(batch.lost, 4U);
  EXPECT_EQ(Values(batch), (std::vector<int>{6, 7, 8}));
  EXPECT_EQ(ring.Read(0).lost, 0U);
}

TEST(RingTest, ClearKeepsIdsGoing) {
  Ring<int> ring(3);
  ring.Append(1);
  const auto cursor = ring.Read(0).next;
  ring.Clear();
  EXPECT_EQ(ring.Append(2), 2U);
  EXPECT_EQ(Values(ring.Read(cursor)), (std::vector<int>{2}));
}

TEST(RingTest, ACursorFromAnotherLifeStartsAtTheEnd) {
  Ring<int> ring(3);
  ring.Append(1);
  EXPECT_EQ(ring.Read(500).next, 2U);
}

TEST(RingTest, WaitWakesReadersOnEveryLoop) {
  Ring<int> ring(3);
  Loop a("a");
  Loop b("b");
  a.Start();
  b.Start();
  auto wait = [](Ring<int>& r) -> Task<int> {
    co_await r.Wait(1);
    co_return *r.Read(1).entries.at(0).second;
  };
  auto first = boost::asio::co_spawn(a.executor(), wait(ring), boost::asio::use_future);
  auto second = boost::asio::co_spawn(b.executor(), wait(ring), boost::asio::use_future);
  ring.Append(9);
  EXPECT_EQ(first.get(), 9);
  EXPECT_EQ(second.get(), 9);
}

TEST(RingTest, WaitUntilGivesUpAtItsMoment) {
  Ring<int> ring(3);
  Loop loop("a");
  loop.Start();
  auto wait = [](Ring<int>& r) -> Task<bool> { co_return co_await r.WaitUntil(1, Clock::now() + std::chrono::milliseconds(10)); };
  EXPECT_FALSE(boost::asio::co_spawn(loop.executor(), wait(ring), boost::asio::use_future).get());
  ring.Append(1);
  EXPECT_TRUE(boost::asio::co_spawn(loop.executor(), wait(ring), boost::asio::use_future).get());
}

}  // namespace
}  // namespace hostler::events
