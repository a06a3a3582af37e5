#include "engine_sdk/sound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "media/media.h"

namespace hostler::engine_sdk {
namespace {

std::vector<std::int16_t> Tone(double pitch, int rate, double seconds) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(rate * seconds));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<std::int16_t>(10000 * std::sin(2 * std::numbers::pi * pitch * static_cast<double>(i) / rate));
  }
  return samples;
}

double Loudness(const std::vector<std::int16_t>& samples) {
  double sum = 0;
  for (const std::int16_t sample : samples) sum += static_cast<double>(sample) * sample;
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

TEST(Resample, KeepsAToneThatFits) {
  const auto out = Resample(Tone(1000, 22050, 0.5), 22050, 16000);
  const auto wanted = Tone(1000, 16000, 0.5);
  ASSERT_EQ(out.size(), wanted.size());
  for (std::size_t i = 200; i + 200 < out.size(); ++i) ASSERT_NEAR(out[i], wanted[i], 40) << i;
}

TEST(Resample, TakesAwayWhatDoesNotFit) {
  EXPECT_LT(Loudness(Resample(Tone(15000, 44100, 0.5), 44100, 16000)), 100);
}

TEST(Resample, GoesUpToo) {
  EXPECT_NEAR(Loudness(Resample(Tone(500, 8000, 0.5), 8000, 48000)), Loudness(Tone(500, 48000, 0.5)), 50);
}

TEST(ToRecording, MixesDownAndResamples) {
  media::Audio stereo{16000, 2, {}};
  for (int i = 0; i < 1000; ++i) {
    stereo.samples.push_back(1000);
    stereo.samples.push_back(3000);
  }
  const auto recording = ToRecording(media::ToWav(stereo), 0);
  ASSERT_TRUE(recording);
  EXPECT_EQ(recording->sample_rate, 16000);
  ASSERT_EQ(recording->samples.size(), 1000U);
  EXPECT_EQ(recording->samples[500], 2000);
  EXPECT_EQ(ToRecording(media::ToWav(stereo), 8000)->samples.size(), 500U);
}

TEST(ToRecording, RefusesJunkAndSilenceWithoutEnd) {
  EXPECT_EQ(ToRecording("junk", 0).error().field, "audio");
  EXPECT_EQ(ToRecording(media::ToWav({16000, 1, {}}), 0).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace hostler::engine_sdk
