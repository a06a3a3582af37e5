#include "events/ring.h"

#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>

namespace hostler::events {
namespace {

std::vector<int> Values(const Ring<int>::Batch& batch) {
  std::vector<int> values;
  for (const auto& [id, entry, text] : batch.entries) values.push_back(*entry);
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

TEST(RingTest, WhoHasSeenNothingIsToldToo) {
  Ring<int> ring(3);
  const auto cursor = ring.end();
  for (int i = 1; i <= 5; ++i) ring.Append(i);
  EXPECT_EQ(ring.Read(cursor).lost, 2U);
}

TEST(RingTest, ATextIsKeptBesideItsEntryWhileThatIsNew) {
  Ring<int> ring(5000);
  ring.Append(1);
  ring.Keep(1, std::make_shared<const std::string>("one"));
  ASSERT_NE(ring.Read(1).entries.at(0).text, nullptr);
  EXPECT_EQ(*ring.Read(1).entries.at(0).text, "one");
  for (std::size_t i = 0; i < Ring<int>::kTexts; ++i) ring.Append(2);
  EXPECT_EQ(ring.Read(1).entries.at(0).text, nullptr);
  ring.Keep(1, std::make_shared<const std::string>("late"));  // it is old by now
  ring.Keep(9999, std::make_shared<const std::string>("early"));
  EXPECT_EQ(ring.Read(1).entries.at(0).text, nullptr);
  ring.Clear();
  ring.Keep(2, std::make_shared<const std::string>("gone"));
  EXPECT_TRUE(ring.Read(1).entries.empty());
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
    co_return *r.Read(1).entries.at(0).entry;
  };
  auto first = boost::asio::co_spawn(a.executor(), wait(ring), boost::asio::use_future);
  auto second = boost::asio::co_spawn(b.executor(), wait(ring), boost::asio::use_future);
  ring.Append(9);
  EXPECT_EQ(first.get(), 9);
  EXPECT_EQ(second.get(), 9);
}

// A crowd is woken in rounds by its loop; whoever it is, it sees every entry, in order.
TEST(RingTest, ACrowdMissesNothing) {
  constexpr int kEntries = 300;
  Ring<int> ring(kEntries);
  Loop a("a");
  Loop b("b");
  a.Start();
  b.Start();
  auto follow = [](Ring<int>& r) -> Task<int> {
    std::uint64_t cursor = 1;
    int seen = 0;
    while (seen < kEntries) {
      co_await r.Wait(cursor);
      const auto batch = r.Read(cursor);
      for (const auto& [id, entry, text] : batch.entries) {
        if (*entry != ++seen) co_return -1;
      }
      cursor = batch.next;
    }
    co_return seen;
  };
  std::vector<std::future<int>> crowd;
  for (std::size_t i = 0; i < 10 * Bell::kCrowd; ++i) {
    crowd.push_back(boost::asio::co_spawn((i % 2 == 0 ? a : b).executor(), follow(ring), boost::asio::use_future));
  }
  for (int i = 1; i <= kEntries; ++i) ring.Append(i);
  for (auto& one : crowd) EXPECT_EQ(one.get(), kEntries);
}

TEST(RingTest, ACrowdThatHasLeftIsNoCrowd) {
  Ring<int> ring(3);
  {
    Loop gone("a");
    std::vector<std::unique_ptr<OneShot<bool>>> waiters;
    for (std::size_t i = 0; i < 2 * Bell::kCrowd; ++i) {
      waiters.push_back(std::make_unique<OneShot<bool>>(gone.executor()));
      ring.Notify(1, waiters.back()->promise());
    }
  }
  EXPECT_EQ(ring.Append(1), 1U);  // with their loop they must not be spoken to
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
