#include "media/wav.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "media/testing/tone.h"

namespace hostler::media {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::uint32_t U32(const std::string& bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, 4);
  return value;
}

void PutU16(std::string& bytes, std::size_t offset, std::uint16_t value) {
  std::memcpy(bytes.data() + offset, &value, 2);
}
void PutU32(std::string& bytes, std::size_t offset, std::uint32_t value) {
  std::memcpy(bytes.data() + offset, &value, 4);
}

Code CodeOf(std::string_view bytes) {
  const auto audio = FromWav(bytes);
  return audio ? Code::kInternal : audio.error().code;
}

TEST(WavTest, HeaderSaysWhatFollows) {
  const std::string header = WavHeader(22050, 2, 1000);
  ASSERT_EQ(header.size(), 44U);
  EXPECT_EQ(header.substr(0, 4), "RIFF");
  EXPECT_EQ(U32(header, 4), 1036U);
  EXPECT_EQ(header.substr(8, 8), "WAVEfmt ");
  EXPECT_EQ(U32(header, 16), 16U);
  EXPECT_EQ(U32(header, 20), 0x20001U);  // PCM, two channels
  EXPECT_EQ(U32(header, 24), 22050U);
  EXPECT_EQ(U32(header, 28), 88200U);
  EXPECT_EQ(U32(header, 32), 0x100004U);  // 4 bytes in a frame, 16 bits
  EXPECT_EQ(header.substr(36, 4), "data");
  EXPECT_EQ(U32(header, 40), 1000U);
  const std::string stream = WavHeader(24000, 1, std::nullopt);
  EXPECT_EQ(U32(stream, 4), 0xFFFFFFFFU);
  EXPECT_EQ(U32(stream, 40), 0xFFFFFFFFU);
  EXPECT_EQ(U32(WavHeader(24000, 1, 0xFFFFFFFF), 4), 0xFFFFFFFFU);  // too long for the format: a stream, and no overflow
}

TEST(WavTest, RoundTripIsExact) {
  const Audio tone = Tone(22050, 0.1, 2);
  const auto back = FromWav(ToWav(tone));
  ASSERT_TRUE(back) << back.error().Text();
  EXPECT_EQ(back->sample_rate, 22050);
  EXPECT_EQ(back->channels, 2);
  EXPECT_EQ(back->samples, tone.samples);
  const auto empty = FromWav(ToWav(Audio{.sample_rate = 8000, .channels = 1, .samples = {}}));
  ASSERT_TRUE(empty) << empty.error().Text();
  EXPECT_TRUE(empty->samples.empty());
  EXPECT_EQ(empty->seconds(), 0);
}

TEST(WavTest, PassesOverOtherChunks) {
  const Audio tone = Tone(8000, 0.01);
  std::string wav = ToWav(tone);
  wav.insert(12, "LIST\3\0\0\0abc\0"s);  // of odd size: one byte of padding
  wav += "id3 \4\0\0\0junk"s;
  const auto audio = FromWav(wav);
  ASSERT_TRUE(audio) << audio.error().Text();
  EXPECT_EQ(audio->samples, tone.samples);
}

TEST(WavTest, TakesStreamedSizes) {
  const Audio tone = Tone(8000, 0.01);
  for (const std::uint32_t size : {0xFFFFFFFFU, 0x7FFFFFFFU, 0x7FFFF000U, 0U}) {
    std::string wav = ToWav(tone);
    PutU32(wav, 4, size);
    PutU32(wav, 40, size);
    const auto audio = FromWav(wav + "x");  // half a sample: cut off in the middle
    ASSERT_TRUE(audio) << size << audio.error().Text();
    EXPECT_EQ(audio->samples, tone.samples) << size;
  }
}

TEST(WavTest, TakesTheExtensibleFormat) {
  const Audio tone = Tone(8000, 0.01);
  std::string wav = ToWav(tone);
  PutU16(wav, 20, 0xFFFE);
  PutU32(wav, 16, 40);
  const std::string extension = "\x16\0\x10\0\4\0\0\0\1\0\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71"s;
  wav.insert(36, extension);
  const auto audio = FromWav(wav);
  ASSERT_TRUE(audio) << audio.error().Text();
  EXPECT_EQ(audio->samples, tone.samples);
  PutU16(wav, 44, 3);  // float
  EXPECT_EQ(CodeOf(wav), Code::kUnsupported);
}

TEST(WavTest, RefusesOtherEncodingsWithARemedy) {
  const std::string wav = ToWav(Tone(8000, 0.01));
  for (const auto& [tag, bits] : std::vector<std::pair<int, int>>{{1, 8}, {1, 24}, {3, 32}, {6, 8}, {0x55, 0}}) {
    std::string other = wav;
    PutU16(other, 20, static_cast<std::uint16_t>(tag));
    PutU16(other, 34, static_cast<std::uint16_t>(bits));
    const auto audio = FromWav(other);
    ASSERT_FALSE(audio);
    EXPECT_EQ(audio.error().code, Code::kUnsupported);
    EXPECT_THAT(audio.error().remedy, HasSubstr("16-bit"));
  }
}

TEST(WavTest, RefusesJunkAndEveryTruncation) {
  const std::string wav = ToWav(Tone(8000, 0.01));
  EXPECT_EQ(CodeOf(""), Code::kInvalid);
  EXPECT_EQ(CodeOf(std::string(1000, 'x')), Code::kInvalid);
  for (std::size_t size = 0; size < wav.size(); ++size) EXPECT_EQ(CodeOf(wav.substr(0, size)), Code::kInvalid) << size;
  for (const std::size_t field : {22, 24, 32}) {  // channels, rate, block: none
    std::string broken = wav;
    PutU16(broken, field, 0);
    EXPECT_EQ(CodeOf(broken), Code::kInvalid) << field;
  }
  std::string order = wav;
  std::memcpy(order.data() + 12, "data", 4);
  EXPECT_EQ(CodeOf(order), Code::kInvalid);
}

TEST(WavEncoderTest, WritesRightSizesWhenTheyAreKnown) {
  const Audio tone = Tone(22050, 0.1, 2);
  auto encoder = MakeWavEncoder({.format = Format::kWav, .sample_rate = 22050, .channels = 2, .frames = tone.samples.size() / 2});
  std::string bytes;
  for (std::size_t i = 0; i < tone.samples.size(); i += 90) {
    bytes += encoder->Push(std::span(tone.samples).subspan(i, std::min<std::size_t>(90, tone.samples.size() - i))).value();
  }
  bytes += encoder->Finish().value();
  EXPECT_EQ(bytes, ToWav(tone));

  encoder = MakeWavEncoder({.sample_rate = 22050, .channels = 2});
  bytes = encoder->Push(tone.samples).value() + encoder->Finish().value();
  EXPECT_EQ(bytes, WavHeader(22050, 2, std::nullopt) + ToWav(tone).substr(44));

  EXPECT_EQ(MakeWavEncoder({.sample_rate = 8000, .frames = 0})->Finish().value(), WavHeader(8000, 1, 0));
}

TEST(WavEncoderTest, DoesNotLieAboutItsSizes) {
  const std::vector<std::int16_t> samples(10);
  EXPECT_FALSE(MakeWavEncoder({.frames = 9})->Push(samples));
  auto encoder = MakeWavEncoder({.frames = 11});
  EXPECT_TRUE(encoder->Push(samples));
  EXPECT_FALSE(encoder->Finish());
}

TEST(FormatTest, NamesAndTypes) {
  EXPECT_THAT(FormatNames(), testing::ElementsAre("mp3", "opus", "aac", "flac", "wav", "pcm", "m4a"));
  for (const std::string& name : FormatNames()) {
    const auto format = FormatFromName(name);
    ASSERT_TRUE(format);
    EXPECT_EQ(FormatName(*format), name);
  }
  EXPECT_EQ(FormatFromName("MP3"), Format::kMp3);
  EXPECT_FALSE(FormatFromName("ogg"));
  EXPECT_EQ(ContentType(Format::kMp3), "audio/mpeg");
  EXPECT_EQ(ContentType(Format::kM4a), "audio/mp4");
  EXPECT_EQ(ContentType(Format::kPcm), "audio/pcm");
}

}  // namespace
}  // namespace hostler::media
