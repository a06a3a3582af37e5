#include "speech/edges.h"

#include <gtest/gtest.h>

namespace hostler::speech {
namespace {

using Samples = std::vector<std::int16_t>;

constexpr int kRate = 1000;  // Hz: a sample is a millisecond, and the margin 5 of them

Samples Of(std::initializer_list<std::pair<int, std::int16_t>> runs) {
  Samples samples;
  for (const auto& [count, value] : runs) samples.insert(samples.end(), static_cast<std::size_t>(count), value);
  return samples;
}

// In pieces of `size` samples.
Samples Cut(const Samples& samples, std::size_t size, int channels = 1) {
  EdgeCutter cutter(kRate, channels);
  Samples out;
  for (std::size_t at = 0; at < samples.size(); at += size) {
    const auto piece = cutter.Push(std::span(samples).subspan(at, std::min(size, samples.size() - at)));
    out.insert(out.end(), piece.begin(), piece.end());
  }
  const auto rest = cutter.Finish();
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

TEST(EdgeCutter, CutsBothEndsAndNothingBetween) {
  const Samples samples = Of({{300, 100}, {50, 9000}, {400, -7}, {50, -9000}, {300, 100}});
  const Samples wanted = Of({{5, 100}, {50, 9000}, {400, -7}, {50, -9000}, {5, 100}});
  for (const std::size_t size : {1UL, 7UL, 64UL, 5000UL}) EXPECT_EQ(Cut(samples, size), wanted) << size;
}

TEST(EdgeCutter, LeavesWhatHasNoSilence) {
  const Samples samples = Of({{100, 9000}});
  EXPECT_EQ(Cut(samples, 10), samples);
  const Samples soft = Of({{3, 1}, {100, 9000}, {2, 1}});
  EXPECT_EQ(Cut(soft, 10), soft);
}

TEST(EdgeCutter, NothingIsLeftOfSilence) {
  EXPECT_TRUE(Cut(Of({{5000, 327}}), 100).empty());
  EXPECT_TRUE(Cut({}, 1).empty());
}

TEST(EdgeCutter, KeepsFramesTogether) {
  const Samples stereo = Of({{601, 0}, {1, 9000}, {600, 0}});  // the right channel of one frame
  EXPECT_EQ(Cut(stereo, 2, 2), Of({{11, 0}, {1, 9000}, {10, 0}}));
}

TEST(EdgeCutter, HoldsBackASecondAtMost) {
  EdgeCutter cutter(kRate, 1);
  EXPECT_EQ(cutter.Push(Of({{10, 9000}})).size(), 10U) << "what is loud goes on at once";
  EXPECT_TRUE(cutter.Push(Of({{1000, 0}})).empty());
  EXPECT_EQ(cutter.Push(Of({{500, 0}})).size(), 500U);
  EXPECT_EQ(cutter.Push(Of({{1, 9000}})).size(), 1001U) << "a pause is not cut";
}

TEST(Normalize, BringsThePeakUpOrDown) {
  Samples soft = {100, -50, 0};
  Normalize(soft);
  EXPECT_EQ(soft, (Samples{31129, -15564, 0}));
  Samples loud = {-32768, 16384};
  Normalize(loud);
  EXPECT_EQ(loud, (Samples{-31129, 15564}));
  Samples silence = {0, 0};
  Normalize(silence);
  EXPECT_EQ(silence, (Samples{0, 0}));
}

}  // namespace
}  // namespace hostler::speech
