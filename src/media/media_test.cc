#include "media/media.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "media/cut.h"
#include "media/testing/tone.h"

namespace hostler::media {
namespace {

using testing::HasSubstr;

Codecs& Shared() {
  static Codecs codecs{HOSTLER_MEDIA_MODULE};
  return codecs;
}

// `chunk`: samples in each push.
std::string Encode(const Audio& audio, Format format, std::size_t chunk = 1 << 20) {
  auto encoder = Shared().MakeEncoder({.format = format, .sample_rate = audio.sample_rate, .channels = audio.channels});
  if (!encoder) {
    ADD_FAILURE() << encoder.error().Text();
    return {};
  }
  std::string bytes;
  for (std::size_t i = 0; i < audio.samples.size(); i += chunk) {
    const auto part = (*encoder)->Push(std::span(audio.samples).subspan(i, std::min(chunk, audio.samples.size() - i)));
    if (!part) ADD_FAILURE() << part.error().Text();
    bytes += part.value_or("");
  }
  const auto rest = (*encoder)->Finish();
  if (!rest) ADD_FAILURE() << rest.error().Text();
  return bytes + rest.value_or("");
}

Audio FromPcm(const std::string& bytes) {
  Audio audio{.sample_rate = 24000, .channels = 1, .samples = {}};
  audio.samples.resize(bytes.size() / 2);
  std::memcpy(audio.samples.data(), bytes.data(), audio.samples.size() * 2);
  return audio;
}

Audio DecodeBack(const std::string& bytes, Format format, int sample_rate = 24000, int channels = 1) {
  if (format == Format::kPcm) return FromPcm(bytes);
  auto audio = Shared().Decode(bytes, {.sample_rate = sample_rate, .channels = channels});
  if (!audio) ADD_FAILURE() << FormatName(format) << ": " << audio.error().Text();
  return audio.value_or(Audio{.sample_rate = sample_rate, .channels = channels});
}

// Seconds that a decoder cannot know to be the encoder's: ADTS and MP3 streams have no place to say it.
double Slack(Format format) {
  switch (format) {
    case Format::kMp3: return 0.15;
    case Format::kAac: return 0.15;
    default: return 0.002;
  }
}

class EveryFormat : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] static Format format() { return FormatFromName(GetParam()).value(); }
};

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat, testing::ValuesIn(FormatNames()), [](const auto& info) { return info.param; });

TEST_P(EveryFormat, RoundTripKeepsPitchLengthAndLevel) {
  for (const int rate : {8000, 16000, 22050, 24000, 44100, 48000}) {
    const Audio tone = Tone(rate, 1.5);
    const Audio back = DecodeBack(Encode(tone, format()), format());
    EXPECT_NEAR(back.seconds(), 1.5, Slack(format()) * 24000 / std::min(rate, 24000)) << rate;
    EXPECT_NEAR(AmplitudeAt(back, 440), 12000, 700) << rate;
    EXPECT_LT(AmplitudeAt(back, 880), 300) << rate;
  }
}

TEST_P(EveryFormat, StereoStaysStereoOrIsMixed) {
  const Audio tone = Tone(24000, 1, 2);  // 440 left, 880 right
  const std::string bytes = Encode(tone, format());
  if (format() == Format::kPcm) {
    const Audio back = FromPcm(bytes);
    EXPECT_EQ(back.samples.size(), 24000U);
    EXPECT_NEAR(AmplitudeAt(back, 440), 6000, 300);
    EXPECT_NEAR(AmplitudeAt(back, 880), 6000, 300);
    return;
  }
  const Audio back = DecodeBack(bytes, format(), 24000, 2);
  EXPECT_NEAR(back.seconds(), 1, Slack(format()));
  EXPECT_NEAR(AmplitudeAt(back, 440, 0), 12000, 700);
  EXPECT_LT(AmplitudeAt(back, 880, 0), 700);
  EXPECT_NEAR(AmplitudeAt(back, 880, 1), 12000, 700);
}

TEST_P(EveryFormat, TheFirstBytesComeBeforeTheLastSamples) {
  const Audio tone = Tone(24000, 3);
  auto encoder = Shared().MakeEncoder({.format = format()});
  ASSERT_TRUE(encoder) << encoder.error().Text();
  const auto second = (*encoder)->Push(std::span(tone.samples).first(24000));
  ASSERT_TRUE(second) << second.error().Text();
  EXPECT_GT(second->size(), 1000U);
  const auto next = (*encoder)->Push(std::span(tone.samples).subspan(24000, 24000));
  EXPECT_GT(next.value_or("").size(), 1000U);
  if (format() != Format::kPcm) {  // and they are of use: what came so far can be decoded
    EXPECT_GT(DecodeBack(*second + *next, format()).seconds(), 1.2);
  }
}

TEST_P(EveryFormat, ChunksDoNotMatter) {
  for (const int rate : {24000, 22050}) {
    const Audio tone = Tone(rate, 0.3);
    const std::string whole = Encode(tone, format());
    for (const std::size_t chunk : {1, 7, 480, 1152, 5000})
      EXPECT_EQ(Encode(tone, format(), chunk), whole) << rate << ' ' << chunk;
  }
}

TEST_P(EveryFormat, NoSamplesMakeAValidFile) {
  const std::string bytes = Encode(Audio{.sample_rate = 24000, .channels = 1, .samples = {}}, format());
  if (format() == Format::kPcm) {
    EXPECT_TRUE(bytes.empty());
    return;
  }
  const Audio back = DecodeBack(bytes, format());
  EXPECT_LT(back.seconds(), 0.2);
  for (const std::int16_t sample : back.samples) EXPECT_NEAR(sample, 0, 8);
}

TEST_P(EveryFormat, VeryShortSoundsAreKept) {
  Audio click = Tone(24000, 0.004);
  const Audio back = DecodeBack(Encode(click, format()), format());
  EXPECT_GE(back.seconds(), 0.0035);
  EXPECT_GT(*std::ranges::max_element(back.samples), 3000);
}

TEST_P(EveryFormat, PiecesMakeUpTheWhole) {
  if (format() == Format::kPcm) return;  // no file
  const auto bytes = std::make_shared<const std::string>(Encode(Tone(24000, 2.5), format()));
  const DecodeOptions options{.sample_rate = 16000, .channels = 1};
  const Audio whole = Shared().Decode(*bytes, options).value();
  auto decoder = Shared().OpenDecoder(bytes, options);
  ASSERT_TRUE(decoder) << decoder.error().Text();
  std::vector<std::int16_t> samples;
  for (std::vector<std::int16_t> piece = {0}; !piece.empty();) {
    piece = (*decoder)->Read(7001).value();
    EXPECT_LE(piece.size(), 7001U);
    if (piece.size() < 7001) EXPECT_EQ(samples.size() + piece.size(), whole.samples.size()) << "only the last one is short";
    samples.insert(samples.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(samples, whole.samples);
}

TEST(DecoderTest, SaysWhatIsWrongWhereItIsRead) {
  const auto read = [](std::string bytes, double most = 60) {
    auto decoder = Shared().OpenDecoder(std::make_shared<const std::string>(std::move(bytes)), {.max_seconds = most});
    if (!decoder) return decoder.error();
    Result<std::vector<std::int16_t>> piece;
    do piece = (*decoder)->Read(1000);
    while (piece && !piece->empty());
    return piece ? Error{} : piece.error();
  };
  EXPECT_EQ(read("").code, Code::kInvalid);
  EXPECT_EQ(read("this is no sound").code, Code::kInvalid);
  EXPECT_EQ(read(Encode(Tone(24000, 3), Format::kFlac), 1).code, Code::kTooLarge);
  EXPECT_EQ(read(Encode(Tone(16000, 3), Format::kWav), 1).code, Code::kTooLarge);
  std::stop_source stop;
  stop.request_stop();
  auto decoder =
      Shared().OpenDecoder(std::make_shared<const std::string>(Encode(Tone(24000, 1), Format::kMp3)), {}, stop.get_token());
  EXPECT_EQ((*decoder)->Read(1000).error().code, Code::kCancelled);
}

TEST(CutTest, IsWhereItIsQuiet) {
  constexpr std::size_t kRate = 16000;
  std::vector<std::int16_t> samples(100 * kRate, 5000);
  std::fill(samples.begin() + 50 * kRate, samples.begin() + 51 * kRate, 0);
  const std::size_t cut = CutAt(samples, 0, 60 * kRate, kRate);
  EXPECT_GE(cut, 50U * kRate);
  EXPECT_LE(cut, 51U * kRate);
  EXPECT_EQ(CutAt(samples, cut, 60 * kRate, kRate), samples.size()) << "the rest fits";
  EXPECT_GT(CutAt(samples, 0, 2 * kRate, kRate), 1U * kRate);
  EXPECT_GT(CutAt(samples, 0, 1, kRate), 0U) << "it goes on, whatever is asked";
}

TEST(EncoderTest, RefusesNonsense) {
  EXPECT_EQ(Shared().MakeEncoder({.format = Format::kMp3, .sample_rate = 0}).error().code, Code::kInvalid);
  EXPECT_EQ(Shared().MakeEncoder({.format = Format::kMp3, .sample_rate = 2000000000}).error().code, Code::kInvalid);
  EXPECT_EQ(Shared().MakeEncoder({.format = Format::kMp3, .channels = 0}).error().code, Code::kInvalid);
  EXPECT_EQ(Shared().MakeEncoder({.format = Format::kMp3, .channels = 100}).error().code, Code::kInvalid);
  auto encoder = Shared().MakeEncoder({.format = Format::kMp3, .channels = 2});
  ASSERT_TRUE(encoder);
  EXPECT_FALSE((*encoder)->Push(std::vector<std::int16_t>(3)));
}

TEST(EncoderTest, UnusualRatesAndManyChannelsWork) {
  for (const std::string& name : FormatNames()) {
    const Format format = FormatFromName(name).value();
    for (const auto& [rate, channels] :
         std::vector<std::pair<int, int>>{{1000, 1}, {11025, 1}, {37800, 2}, {96000, 1}, {192000, 2}, {48000, 6}}) {
      Audio tone = Tone(rate, 0.5, channels, 50);
      EXPECT_NEAR(DecodeBack(Encode(tone, format), format).seconds(), 0.5, Slack(format) * 3) << name << rate;
    }
  }
}

TEST(ResampleTest, LengthsAreExact) {
  for (const int from : {8000, 11025, 16000, 22050, 24000, 44100, 48000}) {
    for (const int to : {8000, 16000, 22050, 24000, 44100, 48000}) {
      for (const std::size_t frames : {0, 1, 2, 100, 4097, 22050}) {
        Audio audio = Tone(from, 2);
        audio.samples.resize(frames);
        const auto resampled = Shared().Resample(audio, to, 1);
        ASSERT_TRUE(resampled) << resampled.error().Text();
        EXPECT_NEAR(static_cast<double>(resampled->samples.size()), static_cast<double>(frames) * to / from, 0.51)
            << from << ' ' << to;
        EXPECT_EQ(resampled->sample_rate, to);
      }
    }
  }
}

TEST(ResampleTest, KeepsTheSoundWhereItIs) {
  const Audio tone = Tone(16000, 1);
  const auto there = Shared().Resample(tone, 44100, 1);
  ASSERT_TRUE(there);
  const auto back = Shared().Resample(*there, 16000, 1);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->samples.size(), tone.samples.size());
  for (std::size_t i = 200; i + 200 < tone.samples.size(); ++i) ASSERT_NEAR(back->samples[i], tone.samples[i], 60) << i;
}

TEST(ResampleTest, ChannelsKeepTheirLevel) {
  const Audio mono = Tone(24000, 0.5);
  const auto stereo = Shared().Resample(mono, 24000, 2);
  ASSERT_TRUE(stereo);
  EXPECT_NEAR(AmplitudeAt(*stereo, 440, 0), 12000, 100);
  EXPECT_NEAR(AmplitudeAt(*stereo, 440, 1), 12000, 100);
  const auto again = Shared().Resample(*stereo, 16000, 1);
  ASSERT_TRUE(again);
  EXPECT_NEAR(AmplitudeAt(*again, 440), 12000, 100);
  EXPECT_EQ(Shared().Resample(mono, 24000, 1).value().samples, mono.samples);
  EXPECT_FALSE(Shared().Resample(mono, 0, 1));
  EXPECT_FALSE(Shared().Resample(Audio{}, 16000, 1));
}

TEST(CodecsTest, WithoutTheModuleWavWorksAndTheRestSaysWhatToInstall) {
  Codecs codecs("/nowhere/hostler-media.so");
  const auto encoder = codecs.MakeEncoder({.format = Format::kMp3});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, Code::kUnavailable);
  EXPECT_THAT(encoder.error().message, HasSubstr("/nowhere/hostler-media.so"));
  EXPECT_THAT(encoder.error().remedy, HasSubstr("hostler-media.so"));
  EXPECT_FALSE(codecs.Warm());
  EXPECT_FALSE(codecs.Resample(Tone(8000, 0.1), 16000, 1));
  EXPECT_TRUE(codecs.MakeEncoder({.format = Format::kWav, .sample_rate = 11111, .channels = 2}));
  EXPECT_TRUE(codecs.MakeEncoder({.format = Format::kPcm}));
  EXPECT_FALSE(codecs.MakeEncoder({.format = Format::kPcm, .sample_rate = 16000}));
  const Audio tone = Tone(16000, 0.1);
  EXPECT_EQ(codecs.Decode(ToWav(tone), {}).value().samples, tone.samples);
  EXPECT_EQ(codecs.Decode(ToWav(Tone(8000, 0.1)), {}).error().code, Code::kUnavailable);
}

TEST(CodecsTest, ALibraryThatIsNoModuleIsRefused) {
  Codecs codecs("libm.so.6");
  const auto warm = codecs.Warm();
  ASSERT_FALSE(warm);
  EXPECT_THAT(warm.error().message, HasSubstr("another version"));
}

TEST(CodecsTest, OpensOnceAndEncodersOutliveIt) {
  std::unique_ptr<Encoder> encoder;
  {
    Codecs codecs{HOSTLER_MEDIA_MODULE};
    ASSERT_TRUE(codecs.Warm());
    ASSERT_TRUE(codecs.Warm());
    encoder = codecs.MakeEncoder({.format = Format::kFlac}).value();
  }
  EXPECT_TRUE(encoder->Push(Tone(24000, 0.1).samples));
  EXPECT_TRUE(encoder->Finish());
}

}  // namespace
}  // namespace hostler::media
