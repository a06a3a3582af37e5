#include "lifecycle/policy.h"

#include <gtest/gtest.h>

#include <random>

#include "lifecycle/testing/policy_game.h"

namespace hostler::lifecycle {
namespace {

using model::MemoryState;
using Kind = Step::Kind;

constexpr Clock::time_point kNow{std::chrono::hours(1)};

View Loaded(std::string id, int unused_for_s, std::size_t leases = 0) {
  View view;
  view.id = std::move(id);
  view.state = MemoryState::kLoaded;
  view.leases = leases;
  view.last_used = kNow - std::chrono::seconds(unused_for_s);
  return view;
}

View Waiting(std::string id, std::uint64_t number) {
  View view;
  view.id = std::move(id);
  view.waiting = 1;
  view.oldest_wait = number;
  return view;
}

TEST(PolicyTest, RestsWhenNobodyWantsAnything) {
  EXPECT_EQ(NextStep({Loaded("a", 100)}, {}, kNow).kind, Kind::kNone);
}

TEST(PolicyTest, StartsWhoWaitsLongest) {
  const Step step = NextStep({Waiting("a", 7), Waiting("b", 3)}, {.max_loaded = 1}, kNow);
  EXPECT_EQ(step.kind, Kind::kStart);
  EXPECT_EQ(step.model, "b");
}

TEST(PolicyTest, MakesRoomByTheLongestUnusedIdleModel) {
  const Step step =
      NextStep({Loaded("busy", 500, 1), Loaded("old", 90), Loaded("new", 5), Waiting("w", 1)}, {.max_loaded = 3}, kNow);
  EXPECT_EQ(step.kind, Kind::kDrain);
  EXPECT_EQ(step.model, "old");
  EXPECT_EQ(step.reason, "to make room for w");
}

TEST(PolicyTest, DrainsABusyModelOnlyIfNoneIsIdle) {
  const Step step = NextStep({Loaded("a", 9, 2), Loaded("b", 5, 1), Waiting("w", 1)}, {.max_loaded = 2}, kNow);
  EXPECT_EQ(step.kind, Kind::kDrain);
  EXPECT_EQ(step.model, "a");
}

TEST(PolicyTest, DrainsNoMoreThanAreNeeded) {
  View leaving = Loaded("a", 9);
  leaving.state = MemoryState::kUnloading;
  EXPECT_EQ(NextStep({leaving, Loaded("b", 50), Waiting("w", 1)}, {.max_loaded = 2}, kNow).kind, Kind::kNone);
  const Step second = NextStep({leaving, Loaded("b", 50), Waiting("w", 1), Waiting("x", 2)}, {.max_loaded = 2}, kNow);
  EXPECT_EQ(second.kind, Kind::kDrain);
  EXPECT_EQ(second.model, "b");
}

TEST(PolicyTest, RefusesWithNumbersWhenEvictionIsOffOrAllArePinned) {
  const Step off = NextStep({Loaded("a", 9), Waiting("w", 1)}, {.max_loaded = 1, .evict = config::Evict::kNone}, kNow);
  EXPECT_EQ(off.kind, Kind::kRefuse);
  EXPECT_EQ(off.reason, "no room for w: 1 of 1 models are loaded (a) and models.evict is \"none\"");
  View pinned = Loaded("a", 9);
  pinned.pinned = true;
  const Step all = NextStep({pinned, Waiting("w", 1)}, {.max_loaded = 1}, kNow);
  EXPECT_EQ(all.kind, Kind::kRefuse);
  EXPECT_EQ(all.reason, "no room for w: 1 of 1 models are loaded (a (pinned)) and all of them are pinned");
}

TEST(PolicyTest, APersonsUnloadGoesEvenForAPinnedModel) {
  View pinned = Loaded("a", 9);
  pinned.pinned = true;
  pinned.unload_asked = true;
  EXPECT_EQ(NextStep({pinned}, {}, kNow).kind, Kind::kDrain);
}

TEST(PolicyTest, IdleTimeoutTakesUnusedModelsAndSaysWhenToLookAgain) {
  const Rules rules{.idle_timeout = std::chrono::seconds(60)};
  EXPECT_EQ(NextStep({Loaded("a", 61)}, rules, kNow).kind, Kind::kDrain);
  const Step later = NextStep({Loaded("a", 20), Loaded("b", 40)}, rules, kNow);
  EXPECT_EQ(later.kind, Kind::kNone);
  EXPECT_EQ(later.wake, kNow + std::chrono::seconds(20));
  EXPECT_EQ(NextStep({Loaded("a", 500, 1)}, rules, kNow).wake, kNow + std::chrono::seconds(60));
}

TEST(PolicyTest, ACrashedModelComesBackAfterItsPauseButPushesNobodyOut) {
  View crashed;
  crashed.id = "c";
  crashed.state = MemoryState::kError;
  crashed.restart = true;
  crashed.not_before = kNow + std::chrono::seconds(2);
  const Step pause = NextStep({crashed}, {}, kNow);
  EXPECT_EQ(pause.kind, Kind::kNone);
  EXPECT_EQ(pause.wake, crashed.not_before);
  EXPECT_EQ(NextStep({crashed}, {}, crashed.not_before).kind, Kind::kStart);
  EXPECT_EQ(NextStep({crashed, Loaded("a", 9)}, {.max_loaded = 1}, crashed.not_before).kind, Kind::kNone);
}

TEST(PolicyTest, AModelInItsPauseDoesNotHoldUpOthers) {
  View paused = Waiting("p", 1);
  paused.state = MemoryState::kError;
  paused.not_before = kNow + std::chrono::seconds(5);
  const Step step = NextStep({paused, Waiting("w", 2)}, {.max_loaded = 1}, kNow);
  EXPECT_EQ(step.kind, Kind::kStart);
  EXPECT_EQ(step.model, "w");
}

TEST(PolicyTest, KeepsItsRulesInRandomGames) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::minstd_rand random(seed);
    PolicyGame game([&](unsigned n) { return static_cast<unsigned>(random() % n); });
    ASSERT_EQ(game.Play(60), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace hostler::lifecycle
